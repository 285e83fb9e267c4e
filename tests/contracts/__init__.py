"""Do old and new readers understand each other?"""
