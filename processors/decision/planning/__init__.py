"""What a policy can catch, and how soon, before any order is risked (statistics.md 2.6).

`effects` says what a worse canary's orders are like, `growth` how fast evidence gathers on them,
`ramp` walks the phases, `plan` puts it together and `untestable` finds what cannot be shown.
`typical` is flow to plan with when nothing was recorded.
"""

from __future__ import annotations
