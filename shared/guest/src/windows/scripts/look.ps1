# What became of the guest: asked before a rollback and as proof after it.
SayOs
if (Test-Path "$DIR\before") {
    Say 'started' 'yes'
    SayYes 'alive' (ToolAlive)
    $before = Read "$DIR\before\boot_id"
    Say 'boot_id_before' $before
    # From the reboot on the disk belongs to Setup.
    if ($before -and (BootId) -ne $before) { Say 'no_return' 'yes' } else { Say 'no_return' 'no' }
    $state = Read "$DIR\state.json"
    if ($state) { [Console]::Out.WriteLine("osf`tstate`t$state") }
    $phase = Finishing
    if ($phase) { Say 'finishing' $phase }
    $log = "$PANTHER\setupact.log"
    if (Test-Path -LiteralPath "$ROLLBACK\setupact.log") { $log = "$ROLLBACK\setupact.log" }
    foreach ($line in @(Tail $log 8192 | Select-Object -Last 30)) { Say 'log' $line.Substring(0, [Math]::Min(200, $line.Length)) }
    # What a rollback would lose: files written since, by drive, as far as 10 s go; without Windows' and our own.
    $since = (Get-Item "$DIR\before\boot_id").LastWriteTimeUtc
    $until = (Get-Date).AddSeconds(10)
    $own = "$env:windir\", "$BT\", "$env:SystemDrive\Windows.old\", "$env:ProgramData\osferry\", "$env:ProgramData\Microsoft\"
    foreach ($drive in @(Drives)) {
        $folders = New-Object Collections.Stack
        $folders.Push("$drive\")
        $count = 0
        $bytes = 0
        while ($folders.Count -and (Get-Date) -lt $until) {
            $folder = New-Object IO.DirectoryInfo $folders.Pop()
            try {
                foreach ($entry in $folder.GetFileSystemInfos()) {
                    if ($entry.Attributes -band 0x404) { continue }
                    if ($entry -is [IO.DirectoryInfo]) { if ($own -notcontains ($entry.FullName + '\')) { $folders.Push($entry.FullName) } }
                    elseif ($entry.LastWriteTimeUtc -gt $since) { $count++; $bytes += $entry.Length }
                }
            } catch { }
        }
        if ($count) { Say 'written' ('{0} {1} {2}' -f $drive, $count, (Mib ($bytes + 1048575))) }
    }
} else { Say 'started' 'no' }
Say 'done' 'yes'
