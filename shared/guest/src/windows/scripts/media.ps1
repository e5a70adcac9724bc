# The Windows on the media: index, build, edition, core, language. dism is on every Windows; its English is asked for.
function MediaImages($media) {
    $wim = @('install.wim', 'install.esd') | ForEach-Object { "${media}sources\$_" } | Where-Object { Test-Path -LiteralPath $_ } | Select-Object -First 1
    if (-not $wim) { return }
    $list = & dism.exe /English /Get-WimInfo "/WimFile:$wim"
    foreach ($line in @($list | Where-Object { $_ -match '^Index : \d+' })) {
        $image = @{ Index = ($line -replace '\D', ''); Build = ''; Edition = ''; Core = 'no'; Language = '' }
        foreach ($detail in @(& dism.exe /English /Get-WimInfo "/WimFile:$wim" "/Index:$($image.Index)")) {
            if ($detail -match '^Version : \d+\.\d+\.(\d+)') { $image.Build = $Matches[1] }
            if ($detail -match '^Edition : (\S+)') { $image.Edition = $Matches[1] }
            if ($detail -match '^Installation : .*Core') { $image.Core = 'yes' }
            if ($detail -match '^\s+([A-Za-z]{2}-[A-Za-z-]+) \(Default\)') { $image.Language = $Matches[1] }
        }
        $image
    }
}
# The destination's Datacenter, with or without desktop as this Windows.
function PickImage($images) {
    if (IsCore) { $core = 'yes' } else { $core = 'no' }
    @($images | Where-Object { $_ -and $_.Build -eq $TO_BUILD -and $_.Core -eq $core -and $_.Edition -like 'ServerDatacenter*' }) |
        Select-Object -First 1
}
# Runs a script as SYSTEM, apart from the agent that runs this one.
function Detach($name, $script) {
    $run = 'powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -File ' + $script
    [void](& schtasks.exe /create /f /tn $name /ru SYSTEM /rl HIGHEST /sc once /st 00:00 /tr $run)
    if ($LASTEXITCODE -ne 0) { throw "schtasks /create $name ended with $LASTEXITCODE" }
    [void](& schtasks.exe /run /tn $name)
    if ($LASTEXITCODE -ne 0) { throw "schtasks /run $name ended with $LASTEXITCODE" }
}
