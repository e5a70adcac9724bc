# Runs Setup to the point where only the reboot is left, and writes down how it went.
$ErrorActionPreference = 'Stop'
try { [void](New-Item -ItemType Directory "$DIR\running") } catch { exit 0 }
# With its start: another process may have its number later.
[IO.File]::WriteAllText("$DIR\pid", ('{0} {1}' -f $PID, (Get-Process -Id $PID).StartTime.ToUniversalTime().Ticks))
# Undo says so first and looks for the tool then.
if (Test-Path -LiteralPath "$DIR.over") { exit 0 }
function State($percent, $phase, $code, $message) {
    $text = ([string]$message) -replace '[\x00-\x1f]+', ' ' -replace '["\\]', '\$0'
    $text = [regex]::Replace($text, '[^\x20-\x7e]', { param($found) '\u{0:x4}' -f [int][char]$found.Value })
    if ($text.Length -gt 1900) { $text = $text.Substring(0, 1900) -replace '\\+(u[0-9a-f]{0,3})?$', '' }
    $now = [int64]([DateTime]::UtcNow - [DateTime]'1970-01-01').TotalSeconds
    $json = '{{"Timestamp":{0},"ProgressInfo":"{1}","Progress":{2},"ErrorCode":{3},"ErrorMsg":"{4}"}}' -f $now, $phase, $percent, $code, $text
    [IO.File]::WriteAllText("$DIR\state.new", $json)
    Move-Item "$DIR\state.new" "$DIR\state.json" -Force
}
State 1 'setup' 0 ''
try {
    $setup = Start-Process -FilePath ([IO.File]::ReadAllText("$DIR\media") + 'setup.exe') -ArgumentList ([IO.File]::ReadAllText("$DIR\arguments")) -Wait -PassThru
    $code = $setup.ExitCode
    # One that was ended from outside may have none.
    if ($null -eq $code) { $code = 1 }
} catch {
    State 1 'failed' 1 "Setup could not be started: $_"
    exit 1
}
if ($code -eq 0 -or $code -eq 3010) { State 100 'succeeded' 0 ''; exit 0 }
$log = $env:SystemDrive + '\$WINDOWS.~BT\Sources\Panther\setuperr.log'
$end = ''
if (Test-Path -LiteralPath $log) { $end = (Get-Content -LiteralPath $log | Select-Object -Last 8) -join ' | ' }
State 1 'failed' $code ('Setup ended with 0x{0:X8}: {1}' -f $code, $end)
