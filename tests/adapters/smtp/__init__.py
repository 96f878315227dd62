"""Tests of the mail adapter against a real SMTP server and scripted ones."""
