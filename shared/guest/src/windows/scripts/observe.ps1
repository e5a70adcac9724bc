# Watches services and probes for $SECONDS_LEFT; ends early when one of them fails twice in a row.
$until = (Get-Date).AddSeconds([int]$SECONDS_LEFT)
$bad = 0
while ($true) {
    $lost = @(LostServices)
    $failed = @(FailedProbes)
    if ($lost.Count + $failed.Count) { $bad++ } else { $bad = 0 }
    if ($bad -ge 2 -or (Get-Date) -ge $until) { break }
    Start-Sleep -Seconds 5
}
SayAll 'service_lost' $lost
SayAll 'probe_failed' $failed
Done
