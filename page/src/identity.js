// Who the visitor is: a guest that the server makes, kept for this tab, or an account somebody has.

const KEPT = 'talkpath.guest';

export class Refused extends Error {
  // why: "off", "network" or "full"
  constructor(why) { super(why); this.why = why; }
}

export async function about() {
  const response = await fetch('about');
  if (!response.ok) throw new Error(`about: ${response.status}`);
  return response.json();
}

// A guest for this tab: the same number as before where the server still agrees. Throws Refused.
export async function guest() {
  const shown = sessionStorage.getItem(KEPT);
  const headers = { 'X-Talkpath': 'page', ...(shown ? { 'X-Guest': shown } : {}) };
  const response = await fetch('guest', { method: 'POST', headers });
  const told = await response.json();
  if (!response.ok) throw new Refused(told.why);
  sessionStorage.setItem(KEPT, told.shown);
  return { user: told.number, password: told.password, isGuest: true };
}
