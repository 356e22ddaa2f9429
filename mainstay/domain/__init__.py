"""THINK: pure rules of incidents. Values in, values out; no clock, no network, no files."""
