# Has the guest booted since Setup was started, and into what?
SayOs
$before = Read "$DIR\before\boot_id"
Say 'boot_id_before' $before
if ($before -and (BootId) -ne $before) {
    $phase = Finishing
    if ($phase) { Say 'finishing' $phase }
    elseif ((Build) -eq [int](Read "$DIR\before\build")) {
        $code = SetupCode
        if (-not $code) { $code = 'its logs name no code' }
        Say 'failed' "Setup went back to the old Windows: $code"
    }
}
Done
