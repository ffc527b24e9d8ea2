"""plotly.js inside a page: packed to a third, unpacked by the browser, which then draws the page's figures."""

import base64
import gzip

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

DRAW = """
const told = (text) => document.querySelectorAll(".figure > div").forEach((one) => {
  if (!one.firstChild) one.textContent = text;
});
(async () => {
  const packed = Uint8Array.from(atob(document.getElementById("plotly-js").textContent), (one) => one.charCodeAt(0));
  const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const library = document.createElement("script");
  library.textContent = await new Response(plain).text();
  document.head.append(library);
  await Promise.all([...document.querySelectorAll(".figure > script")].map((source) => {
    const { data, layout } = JSON.parse(source.textContent);
    return Plotly.newPlot(source.previousElementSibling, data, layout, { responsive: true, displayModeBar: false });
  }));
})().catch((error) => told(`This figure cannot be drawn (${error}). Open the file in a browser of 2023 or later.`));
document.addEventListener("toggle", (event) => event.target.querySelectorAll(".js-plotly-plot").forEach((one) =>
  Plotly.Plots.resize(one)), true);
"""
"""A figure inside a closed `details` has no width, so it gets its own when that opens."""


def figure_html(figure: go.Figure, name: str) -> str:
    """The place of a figure, `name` is its id, and what is drawn there."""
    height = figure.layout.height or 380
    source = figure.to_json()  # which holds neither < nor >
    return (
        f'<div class="figure"><div id="{name}" class="plotly-graph-div" style="min-height:{height}px"></div>'
        f'<script type="application/json">{source}</script></div>'
    )


def library_html() -> str:
    """The library itself, and the script that unpacks it and draws every figure of the page."""
    packed = base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()
    return f'<script type="text/plain" id="plotly-js">{packed}</script>\n<script>{DRAW}</script>'
