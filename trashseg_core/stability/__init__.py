"""What a leaderboard is worth: intervals, shake-up, the two submissions to hand in."""
