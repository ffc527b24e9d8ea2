"""plotly.js is packed into the page whole, and figures hold nothing that could end their element."""

import base64
import gzip
import re

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from experiments.drawing.plotly_script import figure_html, library_html


def test_what_the_browser_unpacks_is_the_library() -> None:
    packed = re.search(r'id="plotly-js">([^<]*)</script>', library_html())
    assert packed is not None
    assert gzip.decompress(base64.b64decode(packed[1])).decode() == get_plotlyjs()


def test_a_figure_s_text_cannot_end_its_script() -> None:
    html = figure_html(go.Figure(go.Scatter(x=[1], y=[2], name="</script><b>")), "one")
    assert html.count("</script>") == 1 and "<b>" not in html
