"""Figures: pure functions from plain data to Plotly, without Streamlit.

Each module has ``skeleton(...)``, the titled and styled figure with no data, and ``arrays(...)``, what
a live frame brings to it, by path (``"0.y"``, ``"layout.xaxis.ticktext"``). ``base.filled`` puts them
together.
"""
