"""Seeded faults: does `optkit doctor` find the guilty layer, the cause, and a remedy?"""
