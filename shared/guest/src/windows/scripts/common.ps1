# ---
# What every script begins with. Answers are lines "osf<TAB>key<TAB>value"; anything else is noise.
# For Windows PowerShell 2.0 (2008 R2) and later.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$self = $MyInvocation.MyCommand.Path
if ($env:PROCESSOR_ARCHITEW6432 -and $self) {
    # A 32-bit agent would be shown another registry and another System32.
    & "$env:windir\sysnative\WindowsPowerShell\v1.0\powershell.exe" -NoProfile -ExecutionPolicy Bypass -File $self
    exit $LASTEXITCODE
}

# Output passes through code pages: only ASCII leaves, the rest as \uXXXX; no more than so many characters of it.
function Ascii($value, $most) {
    $text = [string]$value
    $text = $text.Substring(0, [Math]::Min($most, $text.Length)) -replace '[\r\n\t]+', ' ' -replace '\\(?=u[0-9a-fA-F]{4})', '\u005c'
    $text = [regex]::Replace($text, '[^\x20-\x7e]', { param($found) '\u{0:x4}' -f [int][char]$found.Value })
    # Not in the middle of an escape.
    if ($text.Length -gt $most) { $text = $text.Substring(0, $most) -replace '\\(u[0-9a-f]{0,3})?$', '' }
    $text
}
function Line($key, $text) { [Console]::Out.WriteLine("osf`t$key`t$text") }
# Of a long output Cloud Assistant keeps the end: no value and no list grows without limit, and what decides comes last.
function Say($key, $value) { Line $key (Ascii $value 600) }
# So many characters in all; how many values did not fit is said.
function SayAll($key, $values, $room = 1000) {
    $told = 0
    $more = 0
    foreach ($value in @($values | Where-Object { $_ })) {
        $text = Ascii $value 300
        $room -= $text.Length + $key.Length + 6
        if ($room -lt 0 -and $told) { $more++; continue }
        Line $key $text
        $told++
    }
    if ($more) { Say $key "and $more more" }
}
function SayYes($key, $condition) { if ($condition) { Say $key 'yes' } }
function Done {
    Say 'escapes' 'utf-16'
    Say 'done' 'yes'
}

function Reg($path, $name) {
    try { (Get-ItemProperty -Path $path -Name $name).$name } catch { $null }
}
function Mib($bytes) { [int64][Math]::Floor([double]$bytes / 1048576) }
# What may be missing on an older or smaller Windows.
function Attempt([scriptblock]$what) { try { & $what } catch { } }

$NT = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
$BT = $env:SystemDrive + '\$WINDOWS.~BT'
$PANTHER = "$BT\Sources\Panther"
$ROLLBACK = "$BT\Sources\Rollback"

# A process's creation is written down once; the boot time that Windows calculates moves with its clock.
function BootId {
    $first = @(Get-WmiObject Win32_Process -Filter "Name='wininit.exe'")
    if ($first.Count) { $at = $first[0].CreationDate } else { $at = (Get-WmiObject Win32_OperatingSystem).LastBootUpTime }
    [Management.ManagementDateTimeConverter]::ToDateTime($at).ToUniversalTime().ToString('yyyyMMddHHmmss.ffffff')
}
function Build { [int](Reg $NT 'CurrentBuild') }
function IsCore { (Reg $NT 'InstallationType') -like '*Core*' }
function SayOs {
    Say 'os_id' 'windows'
    Say 'os_version' (Build)
    Say 'boot_id' (BootId)
    Say 'edition' (Reg $NT 'EditionID')
    Say 'language' ([Globalization.CultureInfo]::InstalledUICulture.Name)
    if (IsCore) { Say 'core' 'yes' } else { Say 'core' 'no' }
    if ($env:PROCESSOR_ARCHITECTURE -eq 'AMD64') { Say 'arch' 'x86_64' } else { Say 'arch' $env:PROCESSOR_ARCHITECTURE }
}
# Setup works on after the last reboot: the agent may answer meanwhile.
function Finishing {
    foreach ($name in 'SystemSetupInProgress', 'OOBEInProgress') {
        if ((Reg 'HKLM:\SYSTEM\Setup' $name) -eq 1) { return $name }
    }
}

function Read($path) {
    if (Test-Path -LiteralPath $path) { [IO.File]::ReadAllText($path).Trim() } else { '' }
}
function ReadLines($path) { @((Read $path) -split '\r?\n' | Where-Object { $_ }) }
# As it is: JSON has escapes of its own, and Setup's keeper writes no more than a line's worth.
function SayState($state) { if ($state) { Line 'state' $state } }
# Others write meanwhile, and the file may be huge: only its end is read.
function Tail($path, $bytes) {
    if (-not (Test-Path -LiteralPath $path)) { return }
    $file = [IO.File]::Open($path, 'Open', 'Read', 'ReadWrite, Delete')
    try {
        $mark = New-Object byte[] 2
        [void]$file.Read($mark, 0, 2)
        $length = $file.Length
        $from = [Math]::Max(0, $length - $bytes)
        $from -= $from % 2
        [void]$file.Seek($from, 'Begin')
        $data = New-Object byte[] ($length - $from)
        $count = $file.Read($data, 0, $data.Length)
        $coding = [Text.Encoding]::UTF8
        if ($mark[0] -eq 0xff -and $mark[1] -eq 0xfe) { $coding = [Text.Encoding]::Unicode }
        $coding.GetString($data, 0, $count) -split '\r?\n' | Where-Object { $_ }
    } finally { $file.Close() }
}

# Undo says so first of all, and the note stays: a command may be delivered late.
function Over { Test-Path -LiteralPath "$DIR.over" }
function Refuse($what) {
    Say 'problem' "this migration is over: $what"
    Done
    exit 4
}
# Undo came in between.
function GiveUp($what) {
    Remove-Item -LiteralPath $DIR -Recurse -Force -ErrorAction SilentlyContinue
    Refuse $what
}

function ToolAlive {
    $id, $start = (Read "$DIR\pid") -split ' '
    if (-not $id -or (Read "$DIR\before\boot_id") -ne (BootId)) { return $false }
    # A tool that an older version of this script started is noted by its id alone.
    try {
        $process = Get-Process -Id $id
        -not $start -or [string]$process.StartTime.ToUniversalTime().Ticks -eq $start
    } catch { $false }
}
# 0xC1900101 - 0x4000D: the last that Setup's logs name.
function SetupCode {
    foreach ($log in "$ROLLBACK\setuperr.log", "$ROLLBACK\setupact.log", "$env:windir\Logs\SetupDiag\SetupDiagResults.xml", "$PANTHER\setuperr.log") {
        $found = @(Tail $log 65536 | Select-String '0x[0-9A-Fa-f]{8}\s*-\s*0x[0-9A-Fa-f]{5}' | Select-Object -Last 1)
        if ($found.Count) { return $found[0].Matches[0].Value }
    }
}
