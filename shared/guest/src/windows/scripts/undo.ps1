# Takes back what prepare did, and Setup before its first reboot. What cannot be taken back is told, and tried again
# the next time.
if (-not (Test-Path $DIR)) { Say 'undone' 'yes'; Say 'done' 'yes'; exit 0 }
function TooLate {
    Say 'left' 'Setup has done its part, the next boot is into the new Windows: only the snapshots lead back'
    Say 'done' 'yes'
    exit 0
}
if ((Read "$DIR\state.json") -match '"Progress":100,') { TooLate }
foreach ($task in "osferry-$NAME", "osferry-$NAME-scan") {
    [void](& cmd.exe /c "schtasks.exe /end /tn $task 2>nul & schtasks.exe /delete /f /tn $task 2>nul")
}
$media = Read "$DIR\media"
$ours = @(Get-WmiObject Win32_Process | Where-Object {
        $_.ExecutablePath -and ($_.ExecutablePath.StartsWith($BT, 'OrdinalIgnoreCase') -or ($media -and $_.ExecutablePath.StartsWith($media, 'OrdinalIgnoreCase')))
    })
foreach ($process in $ours) { [void](& cmd.exe /c "taskkill.exe /f /t /pid $($process.ProcessId) 2>nul") }
# It may have come to its end in the meantime; and its boot entry leads into its own folder.
$entries = [string](& cmd.exe /c 'bcdedit.exe /enum 2>nul')
if ((Read "$DIR\state.json") -match '"Progress":100,' -or $entries -match '~BT') { TooLate }
$made = (Test-Path "$DIR\scan") -or (Test-Path "$DIR\running")
if ($made -and -not (Test-Path "$DIR\had_bt") -and (Test-Path -LiteralPath $BT)) {
    [void](& cmd.exe /c "takeown.exe /f $BT /a /r /d y >nul 2>nul & icacls.exe $BT /grant *S-1-5-18:F /t /c /q >nul 2>nul & rd /s /q $BT 2>nul")
}
$number = Read "$DIR\media_disk"
if ($number) { [void]("select disk $number", 'attributes disk clear readonly noerr', 'offline disk noerr' | & diskpart.exe) }
if ($made -and -not (Test-Path "$DIR\had_bt") -and (Test-Path -LiteralPath $BT)) {
    Say 'left' "$BT is still there"
    Say 'done' 'yes'
    exit 0
}
Remove-Item -LiteralPath $DIR -Recurse -Force
$parent = Split-Path $DIR
if (-not @(Get-ChildItem -LiteralPath $parent -Force).Count) { Remove-Item -LiteralPath $parent -Force }
Say 'undone' 'yes'
Say 'done' 'yes'
