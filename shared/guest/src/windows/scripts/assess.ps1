# Can this Windows be upgraded? Changes nothing; Setup's own scan works in its own folder, which undo removes.
function Conclude {
    SayOs
    Done
    exit 0
}
$computer = Get-WmiObject Win32_ComputerSystem
Say 'cpus' $computer.NumberOfLogicalProcessors
Say 'memory_mib' (Mib $computer.TotalPhysicalMemory)
$drive = Get-WmiObject Win32_LogicalDisk -Filter "DeviceID='$env:SystemDrive'"
Say 'free_mib' (Mib $drive.FreeSpace)
# robocopy only lists: fast, and nothing is refused to it. Folders, files, bytes: a row of six numbers each.
$rows = @(& robocopy.exe $env:windir "$DIR\none" /l /s /xj /nfl /ndl /njh /bytes /b /r:0 /w:0 |
        Where-Object { $_ -match '\s(\d+)(\s+\d+){5}\s*$' } | ForEach-Object { [regex]::Match($_, '\s(\d+)(\s+\d+){5}\s*$').Groups[1].Value })
if ($rows.Count -lt 3) { throw "robocopy did not tell the size of $env:windir" }
Say 'windows_mib' (Mib $rows[2])

$current = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion'
if (Test-Path "$current\Component Based Servicing\RebootPending") { Say 'pending_reboot' 'component servicing' }
if (Test-Path "$current\WindowsUpdate\Auto Update\RebootRequired") { Say 'pending_reboot' 'Windows Update' }
SayYes 'leftovers' ((Test-Path -LiteralPath $BT) -and -not (Test-Path "$DIR\scan"))

$license = License
if ($license) {
    Say 'license_status' $license.LicenseStatus
    if ($license.Description -match ', (\S+) channel') { Say 'license_channel' $Matches[1] }
} else { Say 'license_status' 0 }

Attempt { SayAll 'nic_team' @(Get-NetLbfoTeam | ForEach-Object { $_.Name }) }
SayYes 'cluster' (Test-Path 'HKLM:\Cluster')
SayYes 'domain_controller' ($computer.DomainRole -ge 4)
Attempt {
    SayAll 'bitlocker' @(Get-WmiObject -Namespace 'root\CIMV2\Security\MicrosoftVolumeEncryption' Win32_EncryptableVolume |
            Where-Object { $_.ProtectionStatus -eq 1 } | ForEach-Object { $_.DriveLetter })
}
Attempt { SayYes 'boots_from_vhd' @(Get-Disk | Where-Object { $_.IsBoot -and $_.BusType -like 'File Backed*' }).Count }
# A server has no security centre that could be asked.
$known = 'AliYunDun|AliSecGuard|ekrn|^AVP|McShield|masvc|SepMaster|ccSvcHst|ntrtscan|TmListen|360rp|QPCore|QQPCRTP|kxescore|HipsDaemon|Sophos|CSFalcon|SentinelAgent'
SayAll 'antivirus' @(Get-WmiObject Win32_Service -Filter "State='Running'" | Where-Object { $_.Name -match $known } | ForEach-Object { $_.DisplayName })
Attempt { SayAll 'role' @(Roles | ForEach-Object { $_ -replace '^\d+ ', '' }) 1500 }

if (-not (Test-Path "$DIR\media")) { Conclude }
$media = Read "$DIR\media"
Say 'media' $media
$images = @()
if ($media) { $images = @(MediaImages $media) }
foreach ($image in @($images | Select-Object -First 30)) { Say 'image' ('{0} {1} {2} {3}' -f $image.Index, $image.Build, $image.Edition, $image.Core) }
$picked = PickImage $images
if ($images.Count) { Say 'media_language' $images[0].Language }
if ((Over) -or $SCANS -ne 'yes' -or -not $picked -or $images[0].Language -ne [Globalization.CultureInfo]::InstalledUICulture.Name) {
    Conclude
}

# Setup's scan takes minutes: it runs apart, and is asked for again.
$scan = "$DIR\scan"
if (-not (Test-Path $scan)) {
    [void](New-Item -ItemType Directory $scan)
    $arguments = "/auto upgrade /quiet /imageindex $($picked.Index) /dynamicupdate disable /eula accept /compat scanonly"
    @"
`$setup = Start-Process -FilePath '${media}setup.exe' -ArgumentList '$arguments' -Wait -PassThru
[IO.File]::WriteAllText('$scan\exit.new', [string]`$setup.ExitCode)
Move-Item '$scan\exit.new' '$scan\exit'
"@ | Set-Content "$scan\scan.ps1" -Encoding ASCII
    Detach "osferry-$NAME-scan" "$scan\scan.ps1"
}
$until = (Get-Date).AddSeconds([int]$SECONDS_LEFT)
while (-not (Test-Path "$scan\exit") -and (Get-Date) -lt $until) { Start-Sleep -Milliseconds 500 }
if (Test-Path "$scan\exit") {
    Say 'scan' (Read "$scan\exit")
    foreach ($pattern in 'ScanResult.xml', 'CompatData*.xml') {
        SayAll 'report' @(Get-ChildItem -LiteralPath $PANTHER -Filter $pattern -ErrorAction SilentlyContinue |
                Sort-Object LastWriteTime | Select-Object -Last 1 | ForEach-Object { $_.FullName }) 400
    }
} else { Say 'scan' 'running' }
Conclude
