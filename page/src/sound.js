// Microphone, loudness, and the tones that a telephone makes.

let context = null;

// To be called from a click: browsers start sound only then.
export function wake() {
  context ??= new AudioContext();
  if (context.state === 'suspended') context.resume();
  return context;
}

export async function microphone() {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException('', 'NotSupportedError');
  return navigator.mediaDevices.getUserMedia({ audio: true, video: false });
}

export function release(stream) { stream.getTracks().forEach(track => track.stop()); }

const silent = new WeakSet();

// A stream without sound, for those who only listen.
export function silence() {
  const { stream } = wake().createMediaStreamDestination();
  silent.add(stream);
  return stream;
}

export function isSilence(stream) { return silent.has(stream); }

// Calls `tell` with a loudness from 0 to 1 many times a second until the function given back is called.
export function meter(stream, tell) {
  const analyser = new AnalyserNode(wake(), { fftSize: 1024 });
  const source = context.createMediaStreamSource(stream);
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
    // -60 dBFS is silence, 0 dBFS is full scale.
    tell(Math.min(1, Math.max(0, 1 + Math.log10(power + 1e-12) / 6)));
  }, 60);
  return () => { clearInterval(timer); source.disconnect(); };
}

// A cadence of a tone: seconds on, seconds off. Stops when the function given back is called.
export function cadence(hertz, on, off) {
  if (!context || context.state !== 'running') return () => {};
  const gain = new GainNode(context, { gain: 0 });
  const tone = new OscillatorNode(context, { frequency: hertz });
  tone.connect(gain).connect(context.destination);
  tone.start();
  const beat = () => {
    gain.gain.setTargetAtTime(0.06, context.currentTime, 0.01);
    gain.gain.setTargetAtTime(0, context.currentTime + on, 0.01);
  };
  beat();
  const timer = setInterval(beat, (on + off) * 1000);
  return () => { clearInterval(timer); tone.stop(); gain.disconnect(); };
}
