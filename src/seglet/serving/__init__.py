"""The REST server of `seglet serve`; only `application`, `metrics` and `server` depend on its extra."""
