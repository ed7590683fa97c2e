"""Real findings into a running AirView, and the worst of them through a running Herald."""
