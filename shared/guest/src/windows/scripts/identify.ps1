SayOs
Say 'done' 'yes'
