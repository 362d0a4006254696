"""The only place that knows Lightning: it runs any Method."""
