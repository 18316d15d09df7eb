"""A small world of phones, proxies, NATs and firewalls that knows nothing of the rules.

Everybody in it behaves as the RFCs say, with their timers, on a virtual clock; what is wrong is wrong with a host or
a link (a firewall drops, a microphone is off, a proxy writes its inside address), and what a capture at some place
then shows is what follows from that. So what is said of such captures can be told right from wrong: `judged.py`.
"""
