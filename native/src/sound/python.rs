//! What Python sees of a call's sound (`src/talkpath/audio/sound.py`).

use super::{Failure, Mix, Sound, Sounds, Voice, Wanted};
use crate::audio::Law;
use crate::capture::{stream_key, Pick};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::{Mutex, PoisonError};

/// Seconds that one reading gives: a block large enough to cost nothing, and to show progress by.
const SECONDS: usize = 4;

/// What a page plays: enough for an ear.
const PAGE_HZ: u32 = 8000;

/// (payload type, encoding, RTP clock, channels, rate of what `decode` gives, `decode` or None where it is ours).
type Format = (u8, String, u32, usize, u32, Option<Py<PyAny>>);
/// (stream, 0 caller or 1 callee, first frame, last frame, formats).
type Track = (Pick, usize, u64, u64, Vec<Format>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Stereo,
    Mixed,
    Side(usize),
}

impl Layout {
    fn by_name(name: &str) -> Option<Layout> {
        Some(match name {
            "stereo" => Layout::Stereo,
            "mixed" => Layout::Mixed,
            "caller" => Layout::Side(0),
            "callee" => Layout::Side(1),
            _ => return None,
        })
    }
}

/// Least and greatest sample of each stretch of time.
#[derive(Default)]
struct Peaks {
    every: usize,
    filled: usize,
    found: Vec<(i16, i16)>,
}

impl Peaks {
    fn add(&mut self, samples: &[i16]) {
        let mut rest = samples;
        while self.every > 0 && !rest.is_empty() {
            if self.filled == 0 {
                self.found.push((0, 0));
            }
            let (now, later) = rest.split_at((self.every - self.filled).min(rest.len()));
            if let Some((low, high)) = self.found.last_mut() {
                *low = now.iter().copied().fold(*low, i16::min);
                *high = now.iter().copied().fold(*high, i16::max);
            }
            self.filled = (self.filled + now.len()) % self.every;
            rest = later;
        }
    }
}

#[pyclass(module = "talkpath._native")]
pub struct SoundReader {
    /// Behind a lock only because decoders may not be looked at by two threads at once.
    sound: Mutex<Sound>,
    layout: Layout,
    sides: [Vec<i16>; 2],
    peaks: [Peaks; 2],
}

#[pymethods]
impl SoundReader {
    #[new]
    #[pyo3(signature = (paths, tracks, *, layout, rate, start, seconds, peaks_every = 0))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        paths: Vec<String>,
        tracks: Vec<Track>,
        layout: &str,
        rate: u32,
        start: f64,
        seconds: f64,
        peaks_every: usize,
    ) -> PyResult<SoundReader> {
        let wanted = tracks.into_iter().map(|track| wanted(track, rate)).collect::<PyResult<Vec<_>>>()?;
        let layout = Layout::by_name(layout).ok_or_else(|| PyValueError::new_err(format!("no layout: {layout}")))?;
        let peaks = || Peaks { every: peaks_every, ..Peaks::default() };
        Ok(SoundReader {
            sound: Mutex::new(Sound::new(paths, Mix::new(wanted, rate, (start * 1e9) as i64, seconds))),
            layout,
            sides: Default::default(),
            peaks: [peaks(), peaks()],
        })
    }

    /// The next samples, interleaved, 16 bit, the lowest byte first; None at the end. Raises as `CaptureReader` does.
    fn read<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let block = py.detach(|| self.block()).map_err(Failure::into_error)?;
        Ok((!block.is_empty()).then(|| PyBytes::new(py, &block)))
    }

    /// Bytes of the captures read so far.
    fn taken(&mut self) -> u64 {
        self.sound().taken()
    }

    /// (packets, those that could not be decoded, came too late for their place, came twice).
    fn counts(&mut self) -> (u64, u64, u64, u64) {
        let counts = self.sound().totals();
        (counts.packets, counts.refused, counts.late, counts.doubled)
    }

    /// Least and greatest sample of each `peaks_every` samples of a side.
    fn peaks(&self, side: usize) -> Vec<(i16, i16)> {
        self.peaks[side.min(1)].found.clone()
    }
}

impl Failure {
    fn into_error(self) -> PyErr {
        match self {
            Failure::Unreadable(unreadable) => unreadable.into_error(),
            Failure::Decoder(error) => error,
        }
    }
}

impl SoundReader {
    fn sound(&mut self) -> &mut Sound {
        self.sound.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn block(&mut self) -> Result<Vec<u8>, Failure> {
        let mut block = Vec::new();
        for _ in 0..SECONDS {
            let sound = self.sound.get_mut().unwrap_or_else(PoisonError::into_inner);
            if !sound.second(&mut self.sides)? {
                break;
            }
            for (peaks, side) in self.peaks.iter_mut().zip(&self.sides) {
                peaks.add(side);
            }
            self.write(&mut block);
        }
        Ok(block)
    }

    fn write(&self, block: &mut Vec<u8>) {
        let [caller, callee] = &self.sides;
        match self.layout {
            Layout::Side(side) => block.extend(self.sides[side].iter().flat_map(|sample| sample.to_le_bytes())),
            Layout::Mixed => {
                let sums = caller.iter().zip(callee).map(|(one, two)| one.saturating_add(*two));
                block.extend(sums.flat_map(i16::to_le_bytes));
            }
            Layout::Stereo => {
                let both =
                    caller.iter().zip(callee).map(|(one, two)| u32::from(*one as u16) | u32::from(*two as u16) << 16);
                block.extend(both.flat_map(u32::to_le_bytes));
            }
        }
    }
}

fn wanted((stream, side, first, last, formats): Track, rate: u32) -> PyResult<Wanted> {
    let (flow, ssrc) = stream_key(&stream)?;
    let mut voices = Vec::with_capacity(formats.len());
    for (number, encoding, clock, channels, given, decode) in formats {
        let voice = match decode {
            Some(decode) => Some(Voice::Foreign { rate: given, decode }),
            None => Voice::of(&encoding, clock, channels, rate),
        };
        let voice = voice.ok_or_else(|| PyValueError::new_err(format!("no decoder for {encoding}")))?;
        voices.push((number, clock, voice));
    }
    Ok(Wanted { flow, ssrc, side, frames: (first, last), voices })
}

/// The sound of a page: of each call its tracks, when it begins, and how long it is.
type Call = (Vec<Track>, f64, f64);

/// Both sides of several calls in G.711 mu-law at 8 kHz, out of one reading of the capture. Raises as `SoundReader`.
#[pyfunction]
fn page_sounds<'py>(
    py: Python<'py>,
    paths: Vec<String>,
    calls: Vec<Call>,
) -> PyResult<Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>> {
    let mut heard: Vec<[Vec<u8>; 2]> = calls.iter().map(|_| Default::default()).collect();
    let mix = |(tracks, start, seconds): Call| {
        let wanted = tracks.into_iter().map(|track| wanted(track, PAGE_HZ)).collect::<PyResult<Vec<_>>>()?;
        Ok(Mix::new(wanted, PAGE_HZ, (start * 1e9) as i64, seconds))
    };
    let mut sounds = Sounds::new(paths, calls.into_iter().map(mix).collect::<PyResult<_>>()?);
    py.detach(|| {
        sounds.run(|call, sides| {
            for (out, side) in heard[call].iter_mut().zip(sides) {
                out.extend(side.iter().map(|sample| Law::Mu.encode(*sample)));
            }
        })
    })
    .map_err(Failure::into_error)?;
    Ok(heard.iter().map(|[one, two]| (PyBytes::new(py, one), PyBytes::new(py, two))).collect())
}

/// Samples as `SoundReader.read` gives them, in G.711 mu-law: half the size.
#[pyfunction]
fn mu_law<'py>(py: Python<'py>, samples: &[u8]) -> Bound<'py, PyBytes> {
    let codes = samples.chunks_exact(2).map(|pair| Law::Mu.encode(i16::from_le_bytes([pair[0], pair[1]])));
    PyBytes::new(py, &codes.collect::<Vec<_>>())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(page_sounds, module)?)?;
    module.add_function(wrap_pyfunction!(mu_law, module)?)?;
    module.add_class::<SoundReader>()
}
