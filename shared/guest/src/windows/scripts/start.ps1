# Notes how things are and starts Setup, once, apart from the agent.
$refusal = 'its tool is not started'
if (Over) { Refuse $refusal }
$media = Read "$DIR\media"
if (-not $media) { throw 'no media disk was prepared' }
# Another disk may have its letter by now.
$serial = Read "$DIR\media_serial"
if ($serial) {
    $disk = FindDisk $serial
    if (-not $disk -or @(LettersOf $disk) -notcontains $media.TrimEnd('\')) { throw 'the media disk is not where it was found' }
}
if (-not (Test-Path "$DIR\before")) {
    $new = "$DIR\before.new"
    [void](New-Item -ItemType Directory $new -Force)
    [IO.File]::WriteAllText("$new\boot_id", (BootId))
    [IO.File]::WriteAllText("$new\build", [string](Build))
    [IO.File]::WriteAllText("$new\language", [Globalization.CultureInfo]::InstalledUICulture.Name)
    [IO.File]::WriteAllText("$new\core", [string][bool](IsCore))
    $server = ''
    Attempt { $script:server = (Get-WmiObject SoftwareLicensingService).KeyManagementServiceMachine }
    [IO.File]::WriteAllText("$new\kms", [string]$server)
    foreach ($list in $LISTS) {
        $lines = @()
        Attempt { $script:lines = @(& $list) }
        [IO.File]::WriteAllLines("$new\$list", [string[]]@($lines | ForEach-Object { [string]$_ }))
    }
    Rename-Item $new 'before'
}
if (-not (Test-Path "$DIR\running")) {
    if ($SCANS -eq 'yes') {
        $picked = PickImage @(MediaImages $media)
        if (-not $picked) { throw "the media hold no Datacenter of build $TO_BUILD that fits" }
        $arguments = "/auto upgrade /quiet /imageindex $($picked.Index) /dynamicupdate disable /eula accept /showoobe none /noreboot"
    } else {
        [IO.File]::WriteAllText("$DIR\unattend.xml", $UNATTEND)
        $arguments = "/unattend:""$DIR\unattend.xml"" /noreboot"
    }
    [IO.File]::WriteAllText("$DIR\arguments", $arguments)
    [IO.File]::WriteAllText("$DIR\tool.ps1", $TOOL)
    if (Over) { GiveUp $refusal }
    Detach "osferry-$NAME" "$DIR\tool.ps1"
}
Done
