SayOs
Done
