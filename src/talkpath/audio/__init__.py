"""Sound out of captures and recordings: which streams are heard on which side, what decodes them, files of it.

What is done for every packet (order, time line, G.711, G.722, Opus) is native (`native/src/sound/`); codecs that PyAV
has are decoded by it, a packet at a time. Nothing here reads SIP or knows what was wrong with a call.
"""
