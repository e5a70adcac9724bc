# Finds the media disk, brings it online, read-only, and notes where it is. $MEDIA is its serial number: the
# disk's id without "d-". Without one, any drive with media will do.
[void](New-Item -ItemType Directory $DIR -Force)
if ((Test-Path -LiteralPath $BT) -and -not (Test-Path "$DIR\scan")) { [IO.File]::WriteAllText("$DIR\had_bt", 'yes') }

function Diskpart([string[]]$lines) { [void]($lines | & diskpart.exe) }
function FindDisk {
    @(Get-WmiObject Win32_DiskDrive | Where-Object { $_.SerialNumber -and $_.SerialNumber.Trim() -eq $MEDIA }) | Select-Object -First 1
}
function LettersOf($disk) {
    foreach ($partition in @($disk.GetRelated('Win32_DiskPartition'))) {
        foreach ($drive in @($partition.GetRelated('Win32_LogicalDisk'))) { $drive.DeviceID }
    }
}
function HasMedia($letter) {
    (Test-Path -LiteralPath "$letter\setup.exe") -and
    ((Test-Path -LiteralPath "$letter\sources\install.wim") -or (Test-Path -LiteralPath "$letter\sources\install.esd"))
}

$letters = @()
if ($MEDIA) {
    # It was attached a moment ago.
    $disk = FindDisk
    for ($try = 0; $try -lt 15 -and -not $disk; $try++) {
        Diskpart 'rescan'
        Start-Sleep -Seconds 2
        $disk = FindDisk
    }
    if ($disk) {
        $number = $disk.Index
        [IO.File]::WriteAllText("$DIR\media_disk", [string]$number)
        # Disks come offline or not, as the SAN policy says; an online disk has no harm of this.
        Diskpart "select disk $number", 'online disk noerr'
        for ($try = 0; $try -lt 10 -and -not $letters.Count; $try++) {
            $disk = Get-WmiObject Win32_DiskDrive -Filter "Index=$number"
            $letters = @(LettersOf $disk | Where-Object { $_ })
            if (-not $letters.Count) {
                if ($try -eq 3) { 1..[Math]::Max(1, [int]$disk.Partitions) | ForEach-Object { Diskpart "select disk $number", "select partition $_", 'assign noerr' } }
                Start-Sleep -Seconds 1
            }
        }
        Diskpart "select disk $number", 'attributes disk set readonly noerr'
    }
} else {
    $letters = @(Get-WmiObject Win32_LogicalDisk | Where-Object { 3, 5 -contains $_.DriveType } | ForEach-Object { $_.DeviceID })
}
$found = @($letters | Where-Object { HasMedia $_ }) | Select-Object -First 1
if ($found) { $found = "$found\" }
# Also when there is none: then the check says so.
[IO.File]::WriteAllText("$DIR\media", [string]$found)
Say 'media' $found
Say 'done' 'yes'
