"""Recordings as files (docs/decisions/recordings.md).

Where they lie and what they are called (`layout`), what is said of them (`metadata` as rtpengine says it, `manifest`
as we do), the thread that writes both (`keeper`), what an edge that died left behind (`mending`), and what is there
(`shelf`, `verifying`). Nothing here knows of a running call.
"""
