// The telephone: registers over the WebSocket of the server that gave the page, and holds at most one call.
//
// Events: "ready", "offline", "refused" (our identity is not accepted), and of a call: "incoming", "sent", "progress",
// "answered", "stream", "ice", "quiet" (nothing comes), "heard" (it does again), "over". Details are in `detail`.

import JsSIP from 'jssip';

import { release } from './sound.js';

// With the page from https the socket is wss, through whatever stands before the server.
function socketUrl() {
  const url = new URL('.', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  return url.href;
}

// From the loss of the path, or the return of the socket, to an offer. A library comes back after whole seconds.
const TURN_MS = { outgoing: 1000, incoming: 2500 };
const LOST = ['disconnected', 'failed'];
// Nothing has come for so long: told, and the way is in doubt if not even an answer to a check came.
const QUIET_MS = 4000;
const LOOK_MS = 500;
// A server behind a socket that still leads somewhere answers within this.
const ANSWER_MS = 1500;

export class Phone extends EventTarget {
  constructor(domain) {
    super();
    this.domain = domain;
    this.session = null;
    this.identity = null;
    this.isInDoubt = this.isLooking = false;
    // Another network: what the socket was tied to may be gone, and nobody says so.
    addEventListener('online', () => this.#lookForServer());
  }

  get isReady() { return Boolean(this.agent?.isRegistered()); }

  // Be this user from now on. The same user with another password registers again and keeps its call.
  become(identity) {
    const isSame = identity.user === this.identity?.user;
    this.identity = identity;
    if (this.agent && isSame) {
      if (this.isReady && this.password === identity.password) return;
      this.password = identity.password;
      this.agent.set('password', identity.password);
      this.agent.register();
      return;
    }
    const before = this.agent;
    this.agent = null;
    before?.stop();
    this.password = identity.password;
    const agent = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(socketUrl())],
      uri: `sip:${identity.user}@${this.domain}`,
      password: identity.password,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 10,
    });
    this.agent = agent;
    // What the one before says while it leaves is not about us.
    const hear = (name, act) => agent.on(name, told => { if (this.agent === agent) act(told); });
    hear('registered', () => { this.#tell('ready'); this.#goOnLater(this.session); });
    hear('disconnected', () => this.#tell('offline'));
    hear('registrationFailed', ({ response }) => {
      if (response?.status_code === 403) this.#tell('refused');
    });
    hear('newRTCSession', ({ session, originator, request }) => {
      if (originator === 'remote') this.#ring(session, request);
    });
    agent.start();
  }

  canCall(target) { return Boolean(JsSIP.URI.parse(this.#uriOf(target))); }

  call(target, stream) {
    this.stream = stream;
    const session = this.agent.call(this.#uriOf(target), { mediaStream: stream, eventHandlers: {} });
    this.#follow(session, target);
  }

  answer(stream) {
    this.stream = stream;
    this.session.answer({ mediaStream: stream });
  }

  hangUp() { this.session?.terminate(); }

  mute(on) { if (on) this.session?.mute({ audio: true }); else this.session?.unmute({ audio: true }); }

  press(key) { this.session?.sendDTMF(key, { transportType: 'RFC2833', duration: 120, interToneGap: 60 }); }

  // The page goes: tell the other side at once instead of leaving it to a timeout.
  leave() {
    if (this.session) this.session.terminate();
    this.agent?.stop();
  }

  #uriOf(target) {
    if (/^sips?:/i.test(target)) return target;
    return target.includes('@') ? `sip:${target}` : `sip:${target}@${this.domain}`;
  }

  #tell(name, detail = {}) { this.dispatchEvent(new CustomEvent(name, { detail })); }

  #ring(session, request) {
    if (this.session) {
      session.terminate({ status_code: 486 });
      return;
    }
    const { uri, display_name: name } = request.from;
    this.#follow(session, name || uri.user);
    this.#tell('incoming', { from: name || uri.user, callId: request.call_id });
  }

  #follow(session, peer) {
    this.session = session;
    this.peer = peer;
    session.on('sending', ({ request }) => this.#tell('sent', { callId: request.call_id }));
    session.on('progress', () => this.#tell('progress'));
    session.on('accepted', () => this.#tell('answered'));
    session.on('peerconnection', ({ peerconnection }) => this.#watch(peerconnection));
    if (session.connection) this.#watch(session.connection);
    const over = ({ originator, cause, message }) => {
      if (this.session !== session) return;
      this.session = null;
      if (this.stream) release(this.stream);
      this.stream = null;
      this.#tell('over', {
        byUs: originator === 'local',
        cause,
        status: message?.status_code ?? 0,
        reason: message?.getHeader?.('Reason') ?? '',
      });
    };
    session.on('ended', over);
    session.on('failed', over);
  }

  // What comes, look after look: packets, and what shows that the way is there without them.
  #listen(connection) {
    let packets = 0, signs = 0, heardAt = performance.now(), signAt = heardAt, isQuiet = false;
    const timer = setInterval(async () => {
      const { session } = this;
      if (session?.connection !== connection) { clearInterval(timer); return; }
      const now = performance.now(), seen = await seenOn(connection);
      const isWaiting = session.isEstablished() && expects(connection);
      if (!isWaiting || seen.packets !== packets) heardAt = now;
      if (seen.packets !== packets || seen.signs !== signs) signAt = now;
      ({ packets, signs } = seen);
      if (isQuiet && heardAt === now && isWaiting) { isQuiet = this.isInDoubt = false; this.#tell('heard'); }
      if (isQuiet || now - heardAt < QUIET_MS) return;
      isQuiet = true;
      this.#tell('quiet');
      if (now - signAt >= QUIET_MS) { this.isInDoubt = true; this.#lookForServer(); }
    }, LOOK_MS);
  }

  // Ask the server for an answer over the socket that we have, and take another one where none comes. Once we are
  // registered the call goes on.
  #lookForServer() {
    const { agent, session } = this;
    if (!agent || !session || this.isLooking) return;
    const again = () => {
      this.isLooking = false;
      if (this.agent !== agent || this.session !== session) return;
      agent.transport.disconnect();
      agent.transport.connect();
    };
    if (!agent.isConnected()) { again(); return; }
    this.isLooking = true;
    const timer = setTimeout(again, ANSWER_MS);
    agent.once('registered', () => { this.isLooking = false; clearTimeout(timer); });
    agent.register();
  }

  #watch(connection) {
    this.#listen(connection);
    connection.addEventListener('track', ({ track, streams }) => {
      this.#tell('stream', { stream: streams[0] ?? new MediaStream([track]) });
    });
    connection.addEventListener('iceconnectionstatechange', () => {
      const state = connection.iceConnectionState;
      this.#tell('ice', { state });
      // A changed network shows here first; the socket may notice much later.
      if (LOST.includes(state)) this.#goOnLater(this.session);
    });
    connection.addEventListener('connectionstatechange', () => {
      if (connection.connectionState === 'connected') this.#tell('keyed');
    });
  }

  // Offer the call again, with ICE from the start, where the path did not come back by itself. What JsSIP is refused,
  // or what crosses another offer, ends the call: who called is first.
  #goOnLater(session) {
    setTimeout(() => { if (session && this.session === session) this.#goOn(session); }, TURN_MS[session?.direction]);
  }

  #goOn(session) {
    const isLost = this.isInDoubt || LOST.includes(session.connection?.iceConnectionState);
    if (!session.isEstablished() || !this.isReady || !isLost) return;
    this.isInDoubt = false;
    const isUnderWay = session.renegotiate({ rtcOfferConstraints: { iceRestart: true } });
    if (!isUnderWay) this.#goOnLater(session);
  }
}

// Whether the other side may send us sound: not while the call is held.
function expects(connection) {
  return connection.getTransceivers().some(({ currentDirection }) => /recv/.test(currentDirection ?? ''));
}

// Packets of sound that came, and checks or answers to checks that came the same way.
async function seenOn(connection) {
  const seen = { packets: 0, signs: 0 };
  (await connection.getStats()).forEach(one => {
    if (one.type === 'inbound-rtp') seen.packets += one.packetsReceived ?? 0;
    if (one.type === 'candidate-pair') seen.signs += (one.responsesReceived ?? 0) + (one.requestsReceived ?? 0);
  });
  return seen;
}
