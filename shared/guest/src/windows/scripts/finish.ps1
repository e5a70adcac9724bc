# After success: activates the new Windows, and puts away what is not needed any more. Windows.old stays: it is the
# person's to delete.
foreach ($task in "osferry-$NAME", "osferry-$NAME-scan") { [void](& cmd.exe /c "schtasks.exe /delete /f /tn $task 2>nul") }
PutMediaAway
# The next upgrade would take it for another one's, and Setup itself for one that is not over.
[void](ClearSetup)

function Slmgr([string[]]$arguments) { (& cscript.exe //nologo "$env:windir\System32\slmgr.vbs" $arguments) -join ' ' }
$license = License
if (-not $license -or $license.LicenseStatus -ne 1) {
    # The person's own KMS stays.
    $server = Read "$DIR\before\kms"
    if (-not $server) { $server = $KMS }
    $said = (Slmgr '/ipk', $KEY) + ' ' + (Slmgr '/skms', $server)
    for ($try = 0; $try -lt 3; $try++) {
        $said += ' ' + (Slmgr '/ato')
        $license = License
        if ($license -and $license.LicenseStatus -eq 1) { break }
        Start-Sleep -Seconds 5
    }
    $codes = @([regex]::Matches($said, '0x[0-9A-Fa-f]{8}') | ForEach-Object { $_.Value } | Select-Object -Unique)
    [IO.File]::WriteAllText("$DIR\activation", ($codes -join ', '))
}
if ($license) { Say 'license_status' $license.LicenseStatus }
Done
