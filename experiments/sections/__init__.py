"""The sections of report.html, each made from a run folder."""
