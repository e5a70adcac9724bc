# How things are, to be compared before and after.

# What Windows starts late or on occasion.
function StartsLater($name) {
    $at = 'HKLM:\SYSTEM\CurrentControlSet\Services\' + $name
    (Test-Path "$at\TriggerInfo") -or (Reg $at 'DelayedAutostart') -eq 1
}
# Services that run whenever the system does.
function Services {
    Get-WmiObject Win32_Service -Filter "State='Running' and StartMode='Auto'" | Where-Object {
        $_.Name -notmatch '_[0-9a-f]{4,}$' -and -not (StartsLater $_.Name)
    } | ForEach-Object { $_.Name } | Sort-Object -Unique
}
# Ports that are listened on, below those that Windows gives to anybody, with the program. A listener's other end
# has port 0, in every language.
function Ports {
    $programs = @{}
    foreach ($process in @(Get-WmiObject Win32_Process)) { $programs[[string]$process.ProcessId] = $process.ExecutablePath }
    foreach ($line in @(& netstat.exe -ano -p tcp) + @(& netstat.exe -ano -p tcpv6)) {
        if ($line -match '^\s*TCP\s+\S+:(\d+)\s+\S+:0\s+\S+\s+(\d+)\s*$' -and [int]$Matches[1] -lt 49152) {
            ('{0} {1}' -f $Matches[1], $programs[$Matches[2]]).Trim()
        }
    }
}
function OpenPorts { @(Ports | ForEach-Object { ($_ -split ' ')[0] }) }
function Users {
    Get-WmiObject Win32_UserAccount -Filter 'LocalAccount=True and Disabled=False' | ForEach-Object { $_.Name } | Sort-Object
}
function Shares {
    Get-WmiObject Win32_Share -Filter 'Type=0' | ForEach-Object { $_.Name } | Sort-Object
}
function TasksIn($folder) {
    if ($folder.Path -like '\Microsoft*') { return }
    foreach ($task in @($folder.GetTasks(1))) { if ($task.Enabled -and $task.Name -notlike 'osferry-*') { $task.Path } }
    foreach ($below in @($folder.GetFolders(0))) { TasksIn $below }
}
function Tasks {
    $service = New-Object -ComObject Schedule.Service
    $service.Connect()
    TasksIn $service.GetFolder('\')
}
function Roles {
    Get-WmiObject Win32_ServerFeature | ForEach-Object { '{0} {1}' -f $_.ID, $_.Name } | Sort-Object
}
# But for the media's.
function Drives {
    $media = (Read "$DIR\media").TrimEnd('\')
    Get-WmiObject Win32_LogicalDisk -Filter 'DriveType=3' | ForEach-Object { $_.DeviceID } | Where-Object { $_ -ne $media }
}
function License {
    Get-WmiObject SoftwareLicensingProduct -Filter "ApplicationID='55c92734-d682-4d71-983e-d6ec3f16059f' and PartialProductKey is not null" |
        Select-Object -First 1
}
$LISTS = 'Services', 'Ports', 'Users', 'Shares', 'Tasks', 'Roles', 'Drives'
