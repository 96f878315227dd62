"""Tests of the gateway: what strangers may send, and what becomes of what friends send."""
