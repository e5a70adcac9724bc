# Is it the target, and is everything of before there?
$until = (Get-Date).AddSeconds([int]$SECONDS_LEFT)
while ($true) {
    $lost = @(LostServices)
    $failed = @(FailedProbes)
    if ($lost.Count + $failed.Count -eq 0 -or (Get-Date) -ge $until) { break }
    Start-Sleep -Seconds 2
}
SayAll 'service_lost' $lost
SayAll 'probe_failed' $failed
# A port whose program is gone, or is Windows' own, is another thing than one whose program does not listen.
$open = @(OpenPorts)
$closed = @()
$retired = @()
foreach ($was in @(ReadLines "$DIR\before\Ports" | Select-Object -Unique)) {
    $port, $program = $was -split ' ', 2
    if ($open -contains $port) { continue }
    if ($program -and (Test-Path -LiteralPath $program) -and $program -notlike "$env:windir\*") { $closed += $was }
    else { $retired += $was }
}
SayAll 'port_retired' $retired
SayAll 'port_lost' $closed
foreach ($list in 'Users', 'Shares', 'Tasks', 'Drives', 'Roles') {
    $now = @()
    try { $now = @(& $list | ForEach-Object { [string]$_ }) } catch { continue }
    # A role is its number: names are translated anew.
    if ($list -eq 'Roles') { $now = @($now | ForEach-Object { ($_ -split ' ')[0] }) }
    $gone = @()
    foreach ($was in @(ReadLines "$DIR\before\$list")) {
        $same = $was
        if ($list -eq 'Roles') { $same = ($was -split ' ')[0] }
        if ($now -notcontains $same) { $gone += $was }
    }
    SayAll ($list.ToLower().TrimEnd('s') + '_lost') $gone
}
Say 'packages_new' 0
if ((Read "$DIR\before\core") -eq 'True') { Say 'core_before' 'yes' } else { Say 'core_before' 'no' }
Say 'language_before' (Read "$DIR\before\language")
$license = License
if ($license) { Say 'license_status' $license.LicenseStatus } else { Say 'license_status' 0 }
Say 'activation_error' (Read "$DIR\activation")
$went = (Read "$DIR\state.json") -match '"Progress":100,"ErrorCode":0'
SayYes 'tool_succeeded' ($went -and -not (Finishing) -and -not (Test-Path -LiteralPath $ROLLBACK))
Say 'boot_id_before' (Read "$DIR\before\boot_id")
SayOs
Done
