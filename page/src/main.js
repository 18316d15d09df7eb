// The page: what is shown when, and what a click does.

import { about, guest, Refused } from './identity.js';
import { Phone } from './phone.js';
import { cadence, isSilence, meter, microphone, release, silence, wake } from './sound.js';
import { Story } from './story.js';
import { say, sayAll, switchLanguage } from './words.js';

const $ = id => document.getElementById(id);
const story = new Story($('story'));
const ECHO = 'echo';
const IN_CALL = 'talkpath.call';
// How loud the other side must be to count as heard.
const HEARD = 0.15;
// A guest who is seen now and then keeps the number for as long as the page is open.
const RENEW_MS = 30 * 60 * 1000;
// A server that refuses what it just gave is asked again, but not without a pause.
const AGAIN_MS = 1000;

let phone = null;
let wanted = ECHO;
let running = [];
let hush = () => {};
let notice = null;
// What was clicked last; what a permission prompt kept waiting while something else was clicked is not done any more.
let wish = null;
let isLeaving = false;
let view = 'start';
let isOnline = false;
let hasBeenOnline = false;
let answeredAt = 0;
let wasHeard = false;

// --- what is shown

function show(name) {
  view = name;
  for (const id of ['start', 'incoming', 'talk']) $(id).hidden = id !== name;
  document.title = name === 'incoming' ? `☎ ${named(phone.peer)}` : 'talkpath';
}

function named(target) { return target === ECHO ? say('echo') : spaced(target); }

function spaced(text) { return /^\d{6}$/.test(text) ? `${text.slice(0, 3)} ${text.slice(3)}` : text; }

// A notice stays until another one or `tell(null)`; `make` gives what it is made of, so that it can change language.
// What is told of the connection goes when the connection is there.
function tell(make, isOfConnection = false) {
  notice = make;
  $('notice').dataset.connection = isOfConnection;
  $('notice').hidden = !make;
  if (make) $('notice').replaceChildren(...[make()].flat());
}

function link(href) {
  const element = document.createElement('a');
  element.href = element.textContent = href;
  return element;
}

function button(key, click, isEnabled = true) {
  const element = document.createElement('button');
  element.type = 'button';
  element.className = 'quiet';
  element.textContent = say(key);
  element.disabled = !isEnabled;
  element.onclick = click;
  return element;
}

function refresh() {
  $('lead').dataset.say = wanted === ECHO ? 'lead' : 'leadCall';
  sayAll();
  $('language').textContent = say('switchLanguage');
  $('user').placeholder = say('user');
  $('password').placeholder = say('password');
  $('primary').textContent = wanted === ECHO ? say('hearEcho') : say('callNumber', { target: spaced(wanted) });
  $('primary').disabled = !isOnline;
  $('dial').querySelector('button').disabled = !isOnline;
  $('mine').hidden = !phone?.identity;
  $('number').textContent = spaced(phone?.identity?.user ?? '');
  if (phone?.peer) $('peer').textContent = $('caller').textContent = named(phone.peer);
  if (notice) $('notice').replaceChildren(...[notice()].flat());
  story.show();
}

function stateIs(key) { $('state').dataset.say = key; $('state').textContent = say(key); }

// --- before a call

function readTarget() {
  try {
    wanted = decodeURIComponent(location.hash.slice(1)) || ECHO;
  } catch {
    wanted = ECHO;
  }
}

async function arrive() {
  readTarget();
  refresh();
  show('start');
  if (!window.RTCPeerConnection || !window.WebSocket) { tell(() => say('unsupported')); return; }
  const told = await reached(about);
  if (!window.isSecureContext) {
    const safe = `https://${location.hostname}:${told.securePort}/${location.hash}`;
    tell(() => told.securePort ? [`${say('insecure')} `, link(safe)] : say('insecureNoPort'));
    return;
  }
  phone = new Phone(told.domain);
  listen(phone);
  await beGuest();
  setInterval(renew, RENEW_MS);
  const before = sessionStorage.getItem(IN_CALL);
  sessionStorage.removeItem(IN_CALL);
  if (before && phone.identity) {
    tell(() => [`${say('wasTalking', { target: named(before) })} `, button('again', () => call(before), isOnline)]);
  }
}

// Ask until the server answers; a refusal is an answer.
async function reached(ask) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof Refused) throw error;
      tell(() => say('unreachable'), true);
      await new Promise(later => setTimeout(later, 2000));
    }
  }
}

// Quietly where something more important is told already. Who signs in before the server has answered stays signed in.
async function beGuest({ quietly = false } = {}) {
  const before = phone.identity;
  try {
    const who = await reached(guest);
    if (phone.identity !== before) return;
    phone.become(who);
    if (!isOnline && !quietly) tell(() => say('connecting'), true);
  } catch (refusal) {
    if (!(refusal instanceof Refused)) throw refusal;
    if (phone.identity !== before) return;
    const key = { off: 'guestsOff', network: 'guestsNetwork', full: 'guestsFull' }[refusal.why] ?? 'guestsOff';
    if (!quietly) tell(() => say(key));
    $('account').open = true;
  }
  refresh();
}

function renew() { if (phone.identity?.isGuest) beGuest(); }

function listen(on) {
  const hear = (name, act) => on.addEventListener(name, ({ detail }) => act(detail));
  hear('ready', () => {
    isOnline = hasBeenOnline = true;
    if ($('notice').dataset.connection === 'true') tell(null);
    refresh();
  });
  hear('offline', () => {
    isOnline = false;
    if (hasBeenOnline) tell(() => say(phone.session ? 'lostInCall' : 'disconnected'), true);
    refresh();
  });
  hear('refused', () => {
    if (on.identity.isGuest) {
      setTimeout(renew, AGAIN_MS);
    } else {
      tell(() => say('wrongPassword'));
      beGuest({ quietly: true });
    }
  });
  hear('incoming', ({ callId }) => {
    show('incoming');
    refresh();
    hush = cadence(440, 1, 2);
    story.begin('callee');
    story.follow(callId);
  });
  hear('sent', ({ callId }) => story.follow(callId));
  hear('progress', () => { if (view === 'talk' && !answeredAt) stateIs('ringing'); });
  hear('answered', answered);
  hear('ice', ({ state }) => {
    if (state === 'connected' || state === 'completed') story.mark('path', 'done', story.state.get('path')?.how === 'bad' ? 'restarted' : 'pathDone');
    if (state === 'failed') story.mark('path', 'bad');
  });
  hear('quiet', () => story.mark('heard', 'bad', 'nothingHeard'));
  hear('heard', () => { if (wasHeard) story.mark('heard', 'done', 'heardAgain'); });
  hear('keyed', () => story.mark('keys', 'done'));
  hear('stream', ({ stream }) => play(stream));
  hear('over', over);
}

// --- a call

async function openMicrophone(proceed) {
  try {
    return await microphone();
  } catch (error) {
    const key = { NotFoundError: 'noMicrophone', NotSupportedError: 'noMicrophone', NotAllowedError: 'microphoneDenied' };
    const what = key[error.name] ?? 'microphoneBusy';
    tell(() => [`${say(what)} `, button('listenOnly', () => { tell(null); proceed(silence()); })]);
    return null;
  }
}

async function call(target, stream) {
  const mine = wish = {};
  if (target === phone.identity.user) { tell(() => say('ownNumber')); return; }
  if (!phone.canCall(target)) { tell(() => say('notFound')); return; }
  wake();
  stream ??= await openMicrophone(silent => call(target, silent));
  if (!stream) return;
  if (wish !== mine || phone.session || !isOnline) { release(stream); return; }
  begin('caller', target, stream);
  hush = cadence(425, 1, 4);
  phone.call(target, stream);
  $('peer').textContent = named(target);
}

// Who rang when it was clicked is answered, and not who rings when the microphone is open.
async function answer(stream) {
  const mine = wish = {}, { session } = phone;
  wake();
  stream ??= await openMicrophone(silent => answer(silent));
  if (!stream) return;
  if (wish !== mine || !session || phone.session !== session) { release(stream); return; }
  begin('callee', phone.peer, stream);
  phone.answer(stream);
}

function begin(side, target, stream) {
  tell(null);
  stopRunning();
  answeredAt = 0;
  wasHeard = false;
  sessionStorage.setItem(IN_CALL, target);
  stateIs('calling');
  $('clock').textContent = '';
  $('mute').setAttribute('aria-pressed', 'false');
  $('mute').dataset.say = 'mute';
  show('talk');
  refresh();
  if (side === 'caller') story.begin('caller');
  story.mark('microphone', 'done', isSilence(stream) ? 'microphoneSilent' : 'microphoneDone');
  running.push(meter(stream, level => { $('level-out').value = level; }));
}

function answered() {
  answeredAt = performance.now();
  hush();
  story.mark('signal', 'done');
  stateIs('talking');
  const timer = setInterval(() => {
    const seconds = Math.floor((performance.now() - answeredAt) / 1000);
    $('clock').textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  }, 250);
  running.push(() => clearInterval(timer));
}

function play(stream) {
  hush();
  const ear = $('ear');
  ear.srcObject = stream;
  ear.play().catch(() => tell(() => [`${say('clickToHear')} `, button('play', () => { ear.play(); tell(null); })]));
  running.push(meter(stream, level => {
    $('level-in').value = level;
    if (level > HEARD && answeredAt) { wasHeard = true; story.mark('heard', 'done'); }
  }));
}

const CAUSES = {
  Busy: 'busy', Rejected: 'declined', 'Not Found': 'notFound', Unavailable: 'unavailable', 'No Answer': 'noAnswer',
  'Incompatible SDP': 'noCodec', 'Authentication Error': 'forbidden',
};

// Key and values of the sentence that says how a call ended.
function outcomeOf({ byUs, cause, status, reason }) {
  if (answeredAt) {
    if (/No media/.test(reason)) return ['endedNoMedia'];
    if (/server stops/.test(reason)) return ['endedServer'];
    if (cause !== 'Terminated') return ['endedLost'];
    return [byUs ? 'endedByYou' : 'endedByThem'];
  }
  if (cause === 'Canceled') return [byUs ? 'canceled' : 'missed'];
  if (status === 403) return ['forbidden'];
  return CAUSES[cause] ? [CAUSES[cause]] : ['failed', { why: status ? `${status} ${cause}` : cause }];
}

function over(detail) {
  if (isLeaving) return;
  sessionStorage.removeItem(IN_CALL);
  stopRunning();
  const outcome = outcomeOf(detail);
  story.end(() => say(...outcome));
  $('ear').srcObject = null;
  $('pad').hidden = true;
  $('keys').setAttribute('aria-expanded', 'false');
  answeredAt = 0;
  show('start');
  refresh();
}

function stopRunning() {
  hush();
  running.forEach(stop => stop());
  running = [];
}

// --- clicks

$('language').onclick = () => { switchLanguage(); refresh(); };
$('primary').onclick = () => call(wanted);
$('dial').onsubmit = event => {
  event.preventDefault();
  const target = $('target').value.replace(/[\s()-]/g, '');
  if (target) call(target);
};
$('answer').onclick = () => answer();
$('decline').onclick = () => phone.hangUp();
$('end').onclick = () => phone.hangUp();
$('mute').onclick = ({ currentTarget: element }) => {
  const on = element.getAttribute('aria-pressed') !== 'true';
  phone.mute(on);
  element.setAttribute('aria-pressed', String(on));
  element.dataset.say = on ? 'muted' : 'mute';
  refresh();
};
$('keys').onclick = ({ currentTarget: element }) => {
  $('pad').hidden = !$('pad').hidden;
  element.setAttribute('aria-expanded', String(!$('pad').hidden));
};
for (const key of '123456789*0#') {
  const element = document.createElement('button');
  element.type = 'button';
  element.textContent = key;
  element.onclick = () => phone.press(key);
  $('pad').append(element);
}
$('share').onclick = async ({ currentTarget: element }) => {
  await navigator.clipboard.writeText(`${location.origin}${location.pathname}#${phone.identity.user}`);
  element.textContent = say('copied');
};
$('signin').onsubmit = event => {
  event.preventDefault();
  if (!phone) return;
  tell(() => say('connecting'), true);
  isOnline = false;
  phone.become({ user: $('user').value.trim(), password: $('password').value, isGuest: false });
  refresh();
};
addEventListener('hashchange', () => { readTarget(); refresh(); });
addEventListener('pagehide', () => { isLeaving = true; phone?.leave(); });
addEventListener('pageshow', ({ persisted }) => { if (persisted) location.reload(); });

arrive();
