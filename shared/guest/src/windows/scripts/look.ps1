# What became of the guest: asked before a rollback and as proof after it.
if ($SINCE) {
    # What a rollback would lose: files written since the snapshots, by drive, as far as 10 s go; without Windows' and
    # our own.
    $moment = ([DateTime]'1970-01-01').AddSeconds([double]$SINCE)
    $until = (Get-Date).AddSeconds(10)
    $own = "$env:windir\", "$BT\", "$env:SystemDrive\Windows.old\", "$env:ProgramData\osferry\", "$env:ProgramData\Microsoft\"
    $unseen = @()
    $written = @()
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
                    elseif ($entry.LastWriteTimeUtc -gt $moment) { $count++; $bytes += $entry.Length }
                }
            } catch { }
        }
        if ($folders.Count) { $unseen += $drive }
        if ($count) { $written += ('{0} {1} {2}' -f $drive, $count, (Mib ($bytes + 1048575))) }
    }
    SayAll 'written' $written 2000
    if ($unseen.Count) { Say 'written_unknown' "not all files could be looked at within 10 s: $unseen" }
}
if (Test-Path "$DIR\before") {
    $log = "$PANTHER\setupact.log"
    if (Test-Path -LiteralPath "$ROLLBACK\setupact.log") { $log = "$ROLLBACK\setupact.log" }
    SayAll 'log' @(Tail $log 8192 | Select-Object -Last 30) 8000
    SayState (Read "$DIR\state.json")
    $phase = Finishing
    if ($phase) { Say 'finishing' $phase }
    SayYes 'alive' (ToolAlive)
    $before = Read "$DIR\before\boot_id"
    Say 'boot_id_before' $before
    # From the reboot on the disk belongs to Setup.
    if ($before -and (BootId) -ne $before) { Say 'no_return' 'yes' } else { Say 'no_return' 'no' }
    Say 'started' 'yes'
} else { Say 'started' 'no' }
SayOs
Done
