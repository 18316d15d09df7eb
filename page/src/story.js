// What happens to a call, step by step: what the browser sees, and what the server tells of it.

import { say } from './words.js';

const STEPS = ['microphone', 'signal', 'path', 'keys', 'sent', 'heard'];
const ASK_MS = 1000;

// What a moment of the server means; `own` is whether it speaks of our side.
const MEANING = {
  'ice.selected': own => own && ['path', 'done'],
  'ice.failed': own => own && ['path', 'bad'],
  'ice.consent-lost': own => own && ['path', 'bad'],
  'srtp.keyed': own => own && ['keys', 'done'],
  'dtls.fingerprint-wrong': own => own && ['keys', 'bad'],
  'media.first-packet': own => own && ['sent', 'done'],
  'media.gone': own => own ? ['sent', 'bad'] : ['heard', 'bad', 'otherGone'],
  'media.timeout': own => own ? ['sent', 'bad'] : ['heard', 'bad', 'otherGone'],
};

export class Story {
  constructor(section) {
    this.section = section;
    this.list = section.querySelector('#steps');
    this.outcome = section.querySelector('#outcome');
    this.state = new Map();
  }

  // `side` is "caller" or "callee": whose moments are ours.
  begin(side) {
    this.end();
    this.side = side;
    this.began = performance.now();
    this.state = new Map();
    this.told = 0;
    this.said = null;
    // What the server still tells of the call before is not about this one.
    this.callId = null;
    this.section.hidden = false;
    this.show();
  }

  // A step is done or bad; the first word with a time counts, a later "bad" wins over it.
  mark(step, how, text = `${step}${how === 'done' ? 'Done' : 'Bad'}`, after = (performance.now() - this.began) / 1000) {
    const known = this.state.get(step);
    if (known?.how === 'done' && how === 'done') return;
    this.state.set(step, { how, text, after });
    this.show();
  }

  // From now on ask the server of this call. Its clock for the call begins now: with the INVITE that leaves or comes.
  follow(callId) {
    this.callId = callId;
    this.asked = performance.now();
    this.asking ??= setInterval(() => this.ask(), ASK_MS);
  }

  // Ask once more and then no longer. `said` says how it ended, in whatever language is spoken.
  end(said = null) {
    if (this.asking) { clearInterval(this.asking); this.ask(); }
    this.asking = null;
    this.said = said;
    this.show();
  }

  async ask() {
    const callId = this.callId;
    const response = await fetch(`call?id=${encodeURIComponent(callId)}`).catch(() => null);
    const { steps } = response?.ok ? await response.json() : { steps: [] };
    if (callId !== this.callId) return;
    const news = steps.slice(this.told);
    this.told += news.length;
    for (const [after, kind, side] of news) {
      const meant = MEANING[kind]?.(side === this.side);
      if (!meant) continue;
      const [step, how, text] = meant;
      this.mark(step, how, text, (this.asked - this.began) / 1000 + after);
    }
  }

  show() {
    const next = this.said ? undefined : STEPS.find(step => !this.state.has(step));
    this.outcome.hidden = !this.said;
    this.outcome.textContent = this.said?.() ?? '';
    this.list.replaceChildren(...STEPS.map(step => {
      const known = this.state.get(step);
      const item = document.createElement('li');
      item.className = known?.how ?? (step === next ? 'now' : '');
      const text = document.createElement('span');
      text.textContent = say(known?.text ?? step);
      const time = document.createElement('time');
      time.textContent = known ? say('seconds', { value: known.after.toFixed(1) }) : '';
      item.append(text, time);
      return item;
    }));
  }
}
