# Takes back what prepare did, and Setup before its first reboot. What cannot be taken back is told, and tried again
# the next time.
# First of all: nothing of this leg begins any more, however late it is delivered. The note stays.
$noted = $true
try {
    [void](New-Item -ItemType Directory (Split-Path $DIR) -Force)
    [IO.File]::WriteAllText("$DIR.over", 'yes')
} catch { $noted = $false }
function Undone {
    if ($noted) { Say 'undone' 'yes' } else { Say 'left' 'it cannot be noted that the migration is over' }
    Done
    exit 0
}
if (-not (Test-Path $DIR)) { Undone }
function TooLate {
    Say 'left' 'Setup has done its part, the next boot is into the new Windows: only the snapshots lead back'
    Done
    exit 0
}
if ((Read "$DIR\state.json") -match '"Progress":100,') { TooLate }
foreach ($task in "osferry-$NAME", "osferry-$NAME-scan") {
    [void](& cmd.exe /c "schtasks.exe /end /tn $task 2>nul & schtasks.exe /delete /f /tn $task 2>nul")
}
# What runs from Setup's folder, or from the media: not from another disk that has their letter by now.
$places = @("$BT\")
$serial = Read "$DIR\media_serial"
if ($serial) {
    $disk = FindDisk $serial
    if ($disk) { $places += @(LettersOf $disk | Where-Object { $_ } | ForEach-Object { "$_\" }) }
} else { $places += @(Read "$DIR\media" | Where-Object { $_ }) }
$ours = @(Get-WmiObject Win32_Process | Where-Object {
        $path = $_.ExecutablePath
        $path -and @($places | Where-Object { $path.StartsWith($_, 'OrdinalIgnoreCase') }).Count
    })
foreach ($process in $ours) { [void](& cmd.exe /c "taskkill.exe /f /t /pid $($process.ProcessId) 2>nul") }
# It may have come to its end in the meantime; and its boot entry leads into its own folder.
$entries = [string](& cmd.exe /c 'bcdedit.exe /enum 2>nul')
if ((Read "$DIR\state.json") -match '"Progress":100,' -or $entries -match '~BT') { TooLate }
$cleared = ClearSetup
PutMediaAway
if (-not $cleared) {
    Say 'left' "$BT is still there"
    Done
    exit 0
}
Remove-Item -LiteralPath $DIR -Recurse -Force
Undone
