"""The demo: one page in a browser that shows what the library says about one post."""

import os

# Gradio reads this when it is first imported, so it must be settled before any module of this package imports it.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
