// What the page says, in the languages of its visitors. A text is written once in every language.

const TEXTS = {
  title: ['Talk from your browser', '用浏览器通话'],
  lead: [
    'One click, say something, and hear yourself come back.',
    '点一下，说句话，就能听到自己的声音传回来。',
  ],
  leadCall: ['One click calls who gave you this link.', '点一下，即可呼叫给您此链接的人。'],
  hearEcho: ['Hear the echo', '听听回声'],
  callNumber: ['Call {target}', '呼叫 {target}'],
  dialLabel: ['Or call somebody: a number of this server', '或者呼叫别人：本服务器上的号码'],
  call: ['Call', '呼叫'],
  yourNumber: ['Your number', '您的号码'],
  copyLink: ['Copy a link to call me', '复制呼叫我的链接'],
  copied: ['Copied', '已复制'],
  haveAccount: ['I have an account', '我有帐号'],
  user: ['User', '用户名'],
  password: ['Password', '密码'],
  signIn: ['Sign in', '登录'],
  callsYou: ['is calling you', '正在呼叫您'],
  answer: ['Answer', '接听'],
  decline: ['Decline', '拒绝'],
  calling: ['Calling', '正在呼叫'],
  ringing: ['Ringing', '对方振铃中'],
  talking: ['Talking with', '通话中'],
  you: ['You', '您'],
  them: ['Other side', '对方'],
  mute: ['Mute', '静音'],
  muted: ['Muted', '已静音'],
  keypad: ['Keys', '拨号盘'],
  hangUp: ['Hang up', '挂断'],
  again: ['Call again', '再次呼叫'],
  storyTitle: ['What happens to this call', '这通电话的经过'],
  footer: ['Sound is encrypted between your browser and this server.', '您的浏览器与本服务器之间的声音经过加密。'],
  echo: ['Echo', '回声'],

  // Steps of a call: while it is awaited, when it is done, when it failed.
  microphone: ['Microphone', '麦克风'],
  microphoneDone: ['Microphone is on', '麦克风已打开'],
  microphoneSilent: ['No microphone: you only listen', '没有麦克风：您只能听'],
  signal: ['The other side', '对方'],
  signalDone: ['The other side answered', '对方已接听'],
  path: ['A way for the sound', '声音的通路'],
  pathDone: ['A way for the sound is found', '已找到声音的通路'],
  pathBad: [
    'No way for the sound: a firewall or VPN stops UDP between you and the server',
    '找不到声音的通路：您与服务器之间的 UDP 被防火墙或 VPN 阻断',
  ],
  keys: ['Encryption', '加密'],
  keysDone: ['Encrypted, and the key is checked', '已加密，密钥已核对'],
  keysBad: [
    'Encryption failed: the certificate is not the one that was announced',
    '加密失败：证书与事先声明的不符',
  ],
  sent: ['Your sound', '您的声音'],
  sentDone: ['Your sound reaches the server', '您的声音已到达服务器'],
  heard: ['Their sound', '对方的声音'],
  heardDone: ['You hear the other side', '您听到了对方'],
  nothingHeard: ['Nothing comes from the other side at the moment', '目前没有收到对方的声音'],
  heardAgain: ['You hear the other side again', '又听到了对方的声音'],
  otherGone: ['The other side is gone: no sound comes from there any more', '对方已离开：不再传来声音'],
  restarted: ['The way was lost and is found again', '通路中断后已重新建立'],
  seconds: ['{value} s', '{value} 秒'],

  // How it ended.
  endedByYou: ['You hung up.', '您挂断了。'],
  endedByThem: ['The other side hung up.', '对方挂断了。'],
  endedNoMedia: ['No sound came any more, so the server ended the call.', '长时间没有声音，服务器结束了通话。'],
  endedServer: ['The server was stopped and ended the call.', '服务器停止，通话随之结束。'],
  endedLost: [
    'The connection was away too long; the server no longer knows this call.',
    '连接中断太久，服务器已不再保留这通电话。',
  ],
  busy: ['The other side is busy.', '对方正忙。'],
  declined: ['The other side declined.', '对方拒绝了。'],
  notFound: ['Nobody here has that number.', '这里没有人使用这个号码。'],
  unavailable: ['That number is not online at the moment.', '该号码当前不在线。'],
  noAnswer: ['Nobody answered.', '无人接听。'],
  canceled: ['You gave up before an answer.', '您在对方接听前放弃了。'],
  missed: ['The caller gave up.', '对方已放弃呼叫。'],
  noCodec: ['The two sides have no codec in common.', '双方没有共同的编解码器。'],
  forbidden: ['You may not call that number from here.', '您不能从这里呼叫该号码。'],
  failed: ['The call failed: {why}.', '呼叫失败：{why}。'],

  // What may be wrong before a call.
  connecting: ['Connecting to the server', '正在连接服务器'],
  disconnected: ['The connection to the server is lost. Trying again', '与服务器的连接已断开，正在重试'],
  lostInCall: [
    'The connection to the server is lost. The call goes on as soon as it is back',
    '与服务器的连接已断开。恢复后通话将继续',
  ],
  insecure: [
    'Browsers give the microphone to safe pages only. Open this one with https (your browser will warn that the certificate is home-made):',
    '浏览器只允许安全页面使用麦克风。请用 https 打开本页（浏览器会提示证书是自签名的）：',
  ],
  insecureNoPort: [
    'Browsers give the microphone to safe pages only, and this server has no https address. Ask whoever runs it for one.',
    '浏览器只允许安全页面使用麦克风，而本服务器没有 https 地址。请联系管理员。',
  ],
  unsupported: ['This browser can not make calls. A recent Chrome, Edge, Firefox or Safari can.', '此浏览器不支持通话。请使用较新的 Chrome、Edge、Firefox 或 Safari。'],
  guestsOff: ['Visitors need an account here. Sign in below.', '这里的访客需要帐号。请在下方登录。'],
  guestsNetwork: [
    'Visitors from your network need an account here. Sign in below.',
    '来自您所在网络的访客需要帐号。请在下方登录。',
  ],
  guestsFull: ['There are too many visitors at the moment. Try again in a minute.', '当前访客过多。请稍后再试。'],
  unreachable: ['The server does not answer. Trying again', '服务器没有应答，正在重试'],
  wrongPassword: ['User or password is wrong.', '用户名或密码错误。'],
  noMicrophone: [
    'No microphone was found. Plug one in and try again, or listen only.',
    '没有找到麦克风。请接上麦克风后重试，或者只听不说。',
  ],
  microphoneDenied: [
    'The browser keeps the microphone from this page. Allow it with the symbol beside the address and try again, or listen only.',
    '浏览器没有允许本页使用麦克风。请点击地址栏旁的图标允许后重试，或者只听不说。',
  ],
  microphoneBusy: [
    'The microphone can not be opened; another program may have it. Close that and try again, or listen only.',
    '麦克风无法打开，可能被其他程序占用。请关闭该程序后重试，或者只听不说。',
  ],
  ownNumber: [
    'That is your own number. Open this page in another window or on another device and call from there.',
    '这是您自己的号码。请在另一个窗口或设备上打开本页后再呼叫。',
  ],
  listenOnly: ['Listen only', '只听不说'],
  wasTalking: ['You were talking with {target} when this page was loaded again.', '本页重新加载时，您正与 {target} 通话。'],
  clickToHear: ['The browser waits for a click before it plays sound.', '浏览器需要您点击一下才播放声音。'],
  play: ['Play', '播放'],
  switchLanguage: ['中文', 'English'],
};

const KEPT = 'talkpath.language';
let language = localStorage.getItem(KEPT) || (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en');

export function say(key, values = {}) {
  const text = TEXTS[key][language === 'zh' ? 1 : 0];
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function switchLanguage() {
  language = language === 'zh' ? 'en' : 'zh';
  localStorage.setItem(KEPT, language);
}

export function sayAll() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll('[data-say]')) element.textContent = say(element.dataset.say);
}
