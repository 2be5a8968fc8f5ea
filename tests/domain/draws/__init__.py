"""Tests of random rewards: promises kept over ten thousand purchases, records that can be checked."""
