# Takes back what prepare did, and Setup before its first reboot. Again does no harm.
if (-not (Test-Path $DIR)) { Say 'done' 'yes'; exit 0 }
if ((Read "$DIR\state.json") -match '"Progress":100,') {
    throw 'Setup has done its part, and the next boot would be into the new Windows: only the snapshots lead back'
}
foreach ($task in "osferry-$NAME", "osferry-$NAME-scan") {
    [void](& cmd.exe /c "schtasks.exe /end /tn $task 2>nul & schtasks.exe /delete /f /tn $task 2>nul")
}
$media = Read "$DIR\media"
$ours = @(Get-WmiObject Win32_Process | Where-Object {
        $_.ExecutablePath -and ($_.ExecutablePath.StartsWith($BT, 'OrdinalIgnoreCase') -or ($media -and $_.ExecutablePath.StartsWith($media, 'OrdinalIgnoreCase')))
    })
foreach ($process in $ours) { [void](& cmd.exe /c "taskkill.exe /f /t /pid $($process.ProcessId) 2>nul") }
$made = (Test-Path "$DIR\scan") -or (Test-Path "$DIR\running")
if ($made -and -not (Test-Path "$DIR\had_bt") -and (Test-Path -LiteralPath $BT)) {
    [void](& cmd.exe /c "takeown.exe /f $BT /a /r /d y >nul 2>nul & icacls.exe $BT /grant *S-1-5-18:F /t /c /q >nul 2>nul & rd /s /q $BT 2>nul")
    SayYes 'leftovers' (Test-Path -LiteralPath $BT)
}
$number = Read "$DIR\media_disk"
if ($number) { [void]("select disk $number", 'attributes disk clear readonly noerr', 'offline disk noerr' | & diskpart.exe) }
Remove-Item -LiteralPath $DIR -Recurse -Force
$parent = Split-Path $DIR
if (-not @(Get-ChildItem -LiteralPath $parent -Force).Count) { Remove-Item -LiteralPath $parent -Force }
Say 'done' 'yes'
