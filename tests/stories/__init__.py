"""Does a whole rollout read right?"""
