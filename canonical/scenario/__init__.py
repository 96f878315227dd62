"""Scenarios: dated stories with what finance expects of them, played on the engine in memory."""
