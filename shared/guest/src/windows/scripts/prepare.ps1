# Finds the media disk, brings it online, read-only, and notes where it is. $MEDIA is its serial number: the
# disk's id without "d-". Without one, any drive with media will do.
$refusal = 'nothing is prepared for it'
if (Over) { Refuse $refusal }
[void](New-Item -ItemType Directory $DIR -Force)
if ((Test-Path -LiteralPath $BT) -and -not (Test-Path "$DIR\scan")) { [IO.File]::WriteAllText("$DIR\had_bt", 'yes') }

function HasMedia($letter) {
    (Test-Path -LiteralPath "$letter\setup.exe") -and
    ((Test-Path -LiteralPath "$letter\sources\install.wim") -or (Test-Path -LiteralPath "$letter\sources\install.esd"))
}

$letters = @()
if ($MEDIA) {
    # It was attached a moment ago.
    $disk = FindDisk $MEDIA
    for ($try = 0; $try -lt 15 -and -not $disk; $try++) {
        Diskpart 'rescan'
        Start-Sleep -Seconds 2
        $disk = FindDisk $MEDIA
    }
    [IO.File]::WriteAllText("$DIR\media_serial", $MEDIA)
    # Disks come offline or not, as the SAN policy says; an online disk has no harm of this.
    if ($disk) { Diskpart "select disk $($disk.Index)", 'online disk noerr' }
    for ($try = 0; $try -lt 10 -and $disk -and -not $letters.Count; $try++) {
        $disk = FindDisk $MEDIA
        if (-not $disk) { break }
        $letters = @(LettersOf $disk | Where-Object { $_ })
        if (-not $letters.Count) {
            if ($try -eq 3) { 1..[Math]::Max(1, [int]$disk.Partitions) | ForEach-Object { Diskpart "select disk $($disk.Index)", "select partition $_", 'assign noerr' } }
            Start-Sleep -Seconds 1
        }
    }
    if ($disk) { Diskpart "select disk $($disk.Index)", 'attributes disk set readonly noerr' }
} else {
    $letters = @(Get-WmiObject Win32_LogicalDisk | Where-Object { 3, 5 -contains $_.DriveType } | ForEach-Object { $_.DeviceID })
}
$found = @($letters | Where-Object { HasMedia $_ }) | Select-Object -First 1
if ($found) { $found = "$found\" }
# Also when there is none: then the check says so.
[IO.File]::WriteAllText("$DIR\media", [string]$found)
if (Over) {
    PutMediaAway
    GiveUp $refusal
}
Say 'media' $found
Done
