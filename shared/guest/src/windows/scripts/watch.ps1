# Waits until Setup has done its part before the reboot, at most $SECONDS_LEFT: the end of this command is an event.
$until = (Get-Date).AddSeconds([int]$SECONDS_LEFT)
$grace = 5
while ($true) {
    $state = Read "$DIR\state.json"
    $over = $state -match '"Progress":100,' -or $state -match '"ErrorCode":-?[1-9]'
    if ($over -or (Get-Date) -ge $until) { break }
    # It may have been between its last words and its end.
    if ((Test-Path "$DIR\running") -and -not (ToolAlive)) { $grace-- }
    if ($grace -le 0) { break }
    Start-Sleep -Seconds 1
}
# After all this time it has not even begun: it was cut off at its very start.
if (-not $over -and -not (Test-Path "$DIR\running")) { $grace = 0 }
if (-not $over -and $grace -gt 0) {
    $percent = [int](Reg 'HKLM:\SYSTEM\Setup\MoSetup\Volatile' 'SetupProgress')
    $told = @(Tail "$PANTHER\setupact.log" 131072 | Select-String 'Overall progress: \[(\d+)%\]' | Select-Object -Last 1)
    if ($told.Count) { $percent = [Math]::Max($percent, [int]$told[0].Matches[0].Groups[1].Value) }
    # Only what Setup says at its end is the end.
    Say 'progress' ('{0} setup' -f [Math]::Min(95, $percent))
}
SayState $state
SayYes 'died' (-not $over -and $grace -le 0)
Done
