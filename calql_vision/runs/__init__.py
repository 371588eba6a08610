"""What a run is: its folder, the files in it and what they say."""
