"""mungo's tools. Those of tools/bench and tools/soak are run from the project's folder as modules: python -m tools.bench.run."""
