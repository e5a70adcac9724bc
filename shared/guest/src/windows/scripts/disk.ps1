# The media disk, by its serial number: its number in Windows moves with every boot, and would be another disk's then.
function Diskpart([string[]]$lines) { [void]($lines | & diskpart.exe) }
function FindDisk($serial) {
    if (-not $serial) { return }
    @(Get-WmiObject Win32_DiskDrive | Where-Object { $_.SerialNumber -and $_.SerialNumber.Trim() -eq $serial }) | Select-Object -First 1
}
function LettersOf($disk) {
    foreach ($partition in @($disk.GetRelated('Win32_DiskPartition'))) {
        foreach ($drive in @($partition.GetRelated('Win32_LogicalDisk'))) { $drive.DeviceID }
    }
}
# Takes the media offline, if they are there.
function PutMediaAway {
    $disk = FindDisk (Read "$DIR\media_serial")
    if ($disk) { Diskpart "select disk $($disk.Index)", 'attributes disk clear readonly noerr', 'offline disk noerr' }
}
# Removes the folder that Setup worked in, unless it was there before this migration; is it gone?
function ClearSetup {
    if (-not ((Test-Path "$DIR\scan") -or (Test-Path "$DIR\running")) -or (Test-Path "$DIR\had_bt")) { return $true }
    if (Test-Path -LiteralPath $BT) {
        [void](& cmd.exe /c "takeown.exe /f $BT /a /r /d y >nul 2>nul & icacls.exe $BT /grant *S-1-5-18:F /t /c /q >nul 2>nul & rd /s /q $BT 2>nul")
    }
    -not (Test-Path -LiteralPath $BT)
}
