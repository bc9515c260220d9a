"""How the page looks: one stylesheet, inside the page."""

CSS = """
:root { color: #25313b; background: #f6f8f9; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif }
body { margin: 0 }
main { max-width: 1120px; margin: 0 auto; padding: 24px 20px 64px }
h1 { font-size: 26px; margin: 0 0 14px }
h2 { font-size: 18px; margin: 0 0 10px; overflow-wrap: anywhere }
h3 { font-size: 15px; margin: 18px 0 6px; color: #5d6b76 }
section { background: #fff; border: 1px solid #e3e8ec; border-radius: 10px; padding: 18px 20px; margin: 16px 0 }
.two { display: grid; grid-template-columns: 3fr 2fr; gap: 24px }
.two > div > h2:not(:first-child) { margin-top: 18px }
@media (max-width: 800px) { .two { grid-template-columns: 1fr } }
.tiles { display: flex; flex-wrap: wrap; gap: 12px }
.tile { background: #fff; border: 1px solid #e3e8ec; border-radius: 10px; padding: 10px 16px; min-width: 96px; flex: 1 }
.tile b { display: block; font-size: 24px; font-variant-numeric: tabular-nums }
.tile span { color: #5d6b76; font-size: 13px; line-height: 1.3; display: block }
.tile.critical b { color: #c62828 } .tile.warning b { color: #b56f00 } .tile.quality b { color: #5d6b76 }
ul { margin: 0; padding-left: 18px } li { overflow-wrap: anywhere; margin: 2px 0 }
img { width: 100%; height: auto; display: block; margin: 4px 0 10px }
.note { color: #5d6b76; font-size: 13px; margin: 2px 0 8px }
.alert { border-left: 4px solid #78848e; background: #fafbfc; padding: 10px 14px; margin: 10px 0;
  border-radius: 0 8px 8px 0 }
.alert p { margin: 0 0 4px; overflow-wrap: anywhere }
.alert.critical { border-color: #c62828 } .alert.warning { border-color: #e08a00 } .alert.info { border-color: #5b7f95 }
.badge { font-size: 12px; padding: 1px 8px; border-radius: 9px; color: #fff; background: #78848e; margin-right: 4px }
.critical .badge { background: #c62828 } .warning .badge { background: #b56f00 } .info .badge { background: #5b7f95 }
.number { color: #5d6b76; margin-right: 2px }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: 13px; width: 100%; margin: 6px 0; font-variant-numeric: tabular-nums }
th { text-align: left; color: #5d6b76; font-weight: 600 } th, td { padding: 4px 10px 4px 0; vertical-align: top }
td:last-child { white-space: nowrap }
td { border-top: 1px solid #e9edf0; overflow-wrap: anywhere }
details summary { cursor: pointer; color: #35617f; margin-top: 8px }
"""
