// What the tests ask of a page: a telephone made of JsSIP or SIP.js with the settings they have by default, a voice to
// speak with instead of a microphone, and an ear that keeps what is heard.
//
// A phone writes what happens to it into `log`, one word an event: registered, incoming, progress, established, held,
// unheld, dtmf:1, refer:202, failed:..., ended. A failure of any kind is "failed:" and its cause.

import JsSIP from 'jssip';
import * as SIP from 'sip.js';

const RATE = 8000;
const context = new AudioContext({ sampleRate: 48000 });

// --- sound

function samplesOf(base64) {
  const bytes = Uint8Array.from(atob(base64), one => one.charCodeAt(0));
  return Float32Array.from(new Int16Array(bytes.buffer), one => one / 32768);
}

let voice = null;

// From now on the microphone is this: 16 bit samples of 8 kHz, over and over. Video is the one Chromium makes up.
function speak(base64) {
  const samples = samplesOf(base64);
  const buffer = new AudioBuffer({ length: samples.length, sampleRate: RATE });
  buffer.copyToChannel(samples, 0);
  const source = new AudioBufferSourceNode(context, { buffer, loop: true });
  const out = context.createMediaStreamDestination();
  source.connect(out);
  source.start();
  voice = out.stream;
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async wanted => {
    const stream = voice.clone();
    if (wanted.video) (await open({ video: true })).getTracks().forEach(track => stream.addTrack(track));
    return stream;
  };
}

// Keeps what a stream brings, in one row however many streams there were; `loud` counts tenths of seconds with sound.
class Ear {
  constructor() { this.parts = []; this.count = 0; this.loud = 0; }

  take(part) {
    this.parts.push(part);
    this.count += part.length;
    if (part.reduce((sum, one) => sum + one * one, 0) / part.length > 1e-4) this.loud += 1;
  }

  async hear(stream) {
    const muted = new Audio();  // Chromium gives the sound of a peer only to who plays it
    muted.muted = true;
    muted.srcObject = stream;
    await Ear.ready;
    const source = context.createMediaStreamSource(stream);
    const worklet = new AudioWorkletNode(context, 'ear');
    worklet.port.onmessage = ({ data }) => this.take(data);
    source.connect(worklet).connect(new GainNode(context, { gain: 0 })).connect(context.destination);
  }

  // Base64 of the 16 bit samples, 48000 a second, heard after `from` seconds.
  heard(from = 0) {
    const all = new Float32Array(this.count);
    let at = 0;
    for (const part of this.parts) { all.set(part, at); at += part.length; }
    const pcm = Int16Array.from(all.subarray(from * 48000), one => Math.max(-1, Math.min(1, one)) * 32767);
    const bytes = new Uint8Array(pcm.buffer);
    let text = '';
    for (let start = 0; start < bytes.length; start += 32768) {
      text += String.fromCharCode(...bytes.subarray(start, start + 32768));
    }
    return btoa(text);
  }
}

const EAR = `registerProcessor('ear', class extends AudioWorkletProcessor {
  constructor() { super(); this.kept = new Float32Array(4800); this.at = 0; }
  process([[channel]]) {
    if (channel) for (const one of channel) {
      this.kept[this.at++] = one;
      if (this.at === this.kept.length) { this.port.postMessage(this.kept.slice()); this.at = 0; }
    }
    return true;
  }
})`;
Ear.ready = context.audioWorklet.addModule(URL.createObjectURL(new Blob([EAR], { type: 'text/javascript' })));

class Phone {
  constructor() { this.log = []; this.ear = new Ear(); this.connections = []; }

  note(word) { this.log.push(word); }

  watch(connection) {
    if (this.connections.includes(connection)) return;
    this.connections.push(connection);
    connection.addEventListener('track', ({ track }) => {
      if (track.kind === 'audio') this.ear.hear(new MediaStream([track]));
      else { const shown = document.createElement('video'); shown.srcObject = new MediaStream([track]); shown.muted = true; shown.play(); this.shown = shown; }
    });
    connection.addEventListener('iceconnectionstatechange', () => this.note(`ice:${connection.iceConnectionState}`));
  }

  get connection() { return this.connections.at(-1); }

  async stats() {
    const found = {};
    (await this.connection.getStats()).forEach(one => {
      const kind = one.kind ? `${one.type}-${one.kind}` : one.type;
      if (kind !== 'candidate-pair' || one.nominated) found[kind] = one;
    });
    return found;
  }
}

// --- JsSIP

class JsSipPhone extends Phone {
  constructor({ url, others, user, password, domain, video }) {
    super();
    this.domain = domain;
    this.media = video ? {} : { mediaConstraints: { audio: true, video: false } };
    // Of servers that weigh the same JsSIP takes any: the first is to be tried first.
    const sockets = [url, ...others].map((at, place) => (
      { socket: new JsSIP.WebSocketInterface(at), weight: others.length - place }
    ));
    this.agent = new JsSIP.UA({ sockets, uri: `sip:${user}@${domain}`, password });
    this.agent.on('connected', () => this.note('connected'));
    this.agent.on('disconnected', () => this.note('disconnected'));
    this.agent.on('registered', () => this.note('registered'));
    this.agent.on('registrationFailed', ({ cause }) => this.note(`failed:${cause}`));
    this.agent.on('newRTCSession', ({ session, originator }) => this.take(session, originator));
    this.agent.start();
  }

  take(session, originator) {
    this.before = this.session;
    this.session = session;
    session.on('peerconnection', ({ peerconnection }) => this.watch(peerconnection));
    session.on('progress', () => this.note('progress'));
    session.on('confirmed', () => this.note('established'));
    // What we ask for ourselves is noted when it is granted.
    session.on('hold', ({ originator: who }) => { if (who === 'remote') this.note('held:remote'); });
    session.on('unhold', ({ originator: who }) => { if (who === 'remote') this.note('unheld:remote'); });
    session.on('newDTMF', ({ originator: who, dtmf }) => { if (who === 'remote') this.note(`dtmf:${dtmf.tone}`); });
    session.on('failed', ({ cause }) => this.note(`failed:${cause}`));
    session.on('ended', ({ cause }) => this.note(`ended:${cause}`));
    // A transfer is asked for: do it.
    session.on('refer', ({ accept }) => accept(made => this.take(made, 'local'), this.media));
    // The other side has replaced the call that we have by this one.
    session.on('replaces', ({ accept }) => { this.note('replaces'); accept(); });
    if (originator === 'remote') this.note('incoming');
    if (session.connection) this.watch(session.connection);
  }

  dial(target) { this.agent.call(`sip:${target}@${this.domain}`, this.media); }
  accept() { this.session.answer(this.media); }
  hangUp() { this.session.terminate(); }
  hold() { this.session.hold({}, () => this.note('held:local')); }
  unhold() { this.session.unhold({}, () => this.note('unheld:local')); }
  press(key, how) { this.session.sendDTMF(key, how === 'info' ? {} : { transportType: 'RFC2833' }); }
  restart() {
    this.session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, () => this.note('restarted'));
  }

  refer(target, replaces) {
    const subscriber = this.session.refer(`sip:${target}@${this.domain}`, replaces ? { replaces } : {});
    subscriber.on('requestSucceeded', () => this.note('refer:accepted'));
    subscriber.on('requestFailed', ({ cause }) => this.note(`failed:${cause}`));
    subscriber.on('accepted', () => this.note('refer:done'));
    subscriber.on('failed', () => this.note('failed:refer'));
  }

  referTo(target) { this.refer(target); }

  // Attended: the call before this one goes to whom this one is with.
  joinCalls() {
    const consulted = this.session;
    this.session = this.before;
    this.refer(consulted.remote_identity.uri.user, consulted);
  }
}

// --- SIP.js

class SipJsPhone extends Phone {
  constructor({ url, user, password, domain, video, stun }) {
    super();
    this.domain = domain;
    this.options = { sessionDescriptionHandlerOptions: { constraints: { audio: true, video: Boolean(video) } } };
    const peerConnectionConfiguration = stun ? {} : { iceServers: [] };
    this.agent = new SIP.UserAgent({
      sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration },
      uri: SIP.UserAgent.makeURI(`sip:${user}@${domain}`),
      authorizationUsername: user,
      authorizationPassword: password,
      transportOptions: { server: url },
      logLevel: 'error',
      delegate: {
        onConnect: () => this.note('connected'),
        onDisconnect: () => this.note('disconnected'),
        onInvite: invitation => { this.take(invitation); this.note('incoming'); },
      },
    });
    this.registerer = new SIP.Registerer(this.agent);
    this.agent.start().then(() => this.register());
  }

  register() {
    return this.registerer.register({
      requestDelegate: {
        onAccept: () => this.note('registered'),
        onReject: ({ message }) => this.note(`failed:${message.statusCode}`),
      },
    });
  }

  // SIP.js leaves it to the page to come back.
  async comeBack() {
    while (!this.agent.isConnected()) await this.agent.reconnect().catch(error => this.note(`failed:${error}`));
    await this.register();
  }

  take(session) {
    this.before = this.session;
    this.session = session;
    session.stateChange.addListener(state => {
      if (state === 'Established') this.note('established');
      if (state === 'Terminated') this.note('ended:Terminated');
    });
    session.delegate = {
      onSessionDescriptionHandler: handler => this.watch(handler.peerConnection),
      onInfo: info => { this.note(`dtmf:${/Signal=\s*(\S)/.exec(info.request.body)?.[1]}`); info.accept(); },
      onRefer: async referral => {
        await referral.accept();
        const inviter = referral.makeInviter(this.options);
        this.take(inviter);
        inviter.invite();
      },
    };
  }

  dial(target) {
    const inviter = new SIP.Inviter(this.agent, SIP.UserAgent.makeURI(`sip:${target}@${this.domain}`), this.options);
    this.take(inviter);
    inviter.invite({
      requestDelegate: {
        onProgress: () => this.note('progress'),
        onReject: ({ message }) => this.note(`failed:${message.statusCode}`),
      },
    });
  }

  accept() { this.session.accept(this.options); }

  hangUp() {
    if (this.session.state === 'Established') this.session.bye();
    else if (this.session instanceof SIP.Inviter) this.session.cancel();
    else this.session.reject();
  }

  again(options, word) {
    return this.session.invite({
      sessionDescriptionHandlerOptions: { ...this.options.sessionDescriptionHandlerOptions, ...options },
      requestDelegate: {
        onAccept: () => this.note(word),
        onReject: ({ message }) => this.note(`failed:${message.statusCode}`),
      },
    });
  }

  hold() { this.again({ hold: true }, 'held:local'); }
  unhold() { this.again({ hold: false }, 'unheld:local'); }
  restart() { this.again({ offerOptions: { iceRestart: true } }, 'restarted'); }

  press(key, how) {
    if (how !== 'info') { this.session.sessionDescriptionHandler.sendDtmf(key); return; }
    const content = `Signal=${key}\r\nDuration=1000`;
    const body = { contentDisposition: 'render', contentType: 'application/dtmf-relay', content };
    this.session.info({ requestOptions: { body } });
  }

  refer(target) {
    this.session.refer(target, {
      requestDelegate: {
        onAccept: () => this.note('refer:accepted'),
        onReject: ({ message }) => this.note(`failed:${message.statusCode}`),
      },
      onNotify: notification => {
        notification.accept();
        if (/^SIP\/2.0 2/.test(notification.request.body)) this.note('refer:done');
      },
    });
  }

  referTo(target) { this.refer(SIP.UserAgent.makeURI(`sip:${target}@${this.domain}`)); }

  joinCalls() {
    const consulted = this.session;
    this.session = this.before;
    this.refer(consulted);
  }
}

// --- neither: a peer whose signalling the test does itself

class Peer extends Phone {
  async offer() {
    const connection = new RTCPeerConnection();
    this.watch(connection);
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    stream.getTracks().forEach(track => connection.addTrack(track, stream));
    await connection.setLocalDescription();
    await new Promise(done => {
      const look = () => { if (connection.iceGatheringState === 'complete') done(); };
      connection.onicegatheringstatechange = look;
      look();
    });
    return connection.localDescription.sdp;
  }

  take(sdp) { return this.connection.setRemoteDescription({ type: 'answer', sdp }); }
}

window.kit = {
  peer() { window.phone = new Peer(); return window.phone.offer(); },
  context,
  speak,
  open(library, options) { window.phone = library === 'jssip' ? new JsSipPhone(options) : new SipJsPhone(options); },
};
