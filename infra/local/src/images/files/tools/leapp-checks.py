

# What the actors of the Checks phase look at, in the guest itself; titles as in leapp-repository.
GONE_DRIVERS = ('3w-9xxx', '3w-sas', 'aic79xx', 'aoe', 'arcmsr', 'floppy', 'initio', 'isci', 'mptctl', 'mtip32xx', 'mvsas', 'mvumi',
                'pata_acpi', 'sata_nv', 'sata_sil', 'sata_sis', 'sata_via', 'sx8', 'tulip', 'ufshcd')


def megabytes_free(path):
    stat = os.statvfs(path)
    return stat.f_bavail * stat.f_frsize >> 20


def check_questions():
    questions = {}
    stack = ''.join(line for name in os.listdir('/etc/pam.d') for line in read('/etc/pam.d/' + name).splitlines(True) if not line.startswith('#'))
    if TARGET == 8:
        for module in ('pam_pkcs11', 'pam_krb5'):
            if module + '.so' in stack:
                questions['remove_%s_module_check' % module] = ('Disable %s module in PAM configuration? If no, the upgrade process will be interrupted.' % module, 'Confirmation')
        if 'pam_tally2.so' in stack:
            entry('checkremovedpammodules', 'The pam_tally2 pam module(s) no longer available', 'pam_tally2 is replaced by pam_faillock.', inhibitor=True,
                  remediations=[('hint', 'Remove the module from /etc/pam.d')])
    if TARGET == 9:
        questions['check_vdo'] = ('Are all VDO devices, if any, successfully converted to LVM management?', 'Confirmation')
    write_answerfile(questions)
    given = answers()
    open_questions = [name for name in sorted(questions) if given.get(name, {}).get('confirm') != 'True']
    refused = [name for name in open_questions if given.get(name, {}).get('confirm') == 'False']
    for name in refused:
        entry('remove_old_pam_modules_check', 'Upgrade process was interrupted because %s is enabled in PAM configuration and SA user refused to disable it automatically.' % name, 'The dialog was answered with False.', inhibitor=True)
    open_questions = [name for name in open_questions if name not in refused]
    if open_questions:
        entry('verify_dialogs', 'Missing required answers in the answer file',
              'One or more sections in answerfile are missing user choices: %s\nFor more information consult https://leapp.readthedocs.io/en/latest/dialogs.html.' % '\n'.join(name + '.confirm' for name in open_questions),
              inhibitor=True, resources=[('dialog', name + '.confirm') for name in open_questions],
              remediations=[('hint', 'Please register user choices with leapp answer cli command or by manually editing the answerfile.')] + [
                  ('command', ['leapp', 'answer', '--section', name + '.confirm=True']) for name in open_questions])


def check_sshd():
    text = read('/etc/ssh/sshd_config')
    changed = output_of(RPM, '-V', '--nodeps', 'openssh-server')[1]
    lines = [line.split('#')[0].strip() for line in text.splitlines()]
    before_match = lines[:next((number for number, line in enumerate(lines) if line.lower().startswith('match')), len(lines))]
    everywhere = [line for line in lines if line.lower().startswith('permitrootlogin')]
    above = [line for line in before_match if line.lower().startswith('permitrootlogin')]
    if TARGET == 8 and 'sshd_config' in changed and not everywhere:
        entry('openssh_permit_root_login', 'Possible problems with remote login using root account',
              'OpenSSH configuration file does not explicitly state the option PermitRootLogin in sshd_config file, which will default in RHEL8 to "prohibit-password".',
              inhibitor=True, resources=[('package', 'openssh-server'), ('file', '/etc/ssh/sshd_config')],
              remediations=[('hint', 'If you depend on remote root logins using passwords, consider setting up a different user for remote administration or adding "PermitRootLogin yes" to sshd_config.')])
    elif TARGET == 8 and everywhere and not above:
        entry('openssh_permit_root_login', 'OpenSSH configured to allow root login', 'PermitRootLogin is set in Match blocks only.', inhibitor=True,
              resources=[('file', '/etc/ssh/sshd_config')], remediations=[('hint', 'Consider placing PermitRootLogin in the global context.')])


def check_mounts():
    table = [line.split() for line in read('/etc/fstab').splitlines() if line.strip() and not line.startswith('#')]
    kinds = [line[2] for line in table if len(line) > 2]
    if any(kind.startswith('nfs') for kind in kinds):
        entry('check_nfs', "Use of NFS detected. Upgrade can't proceed", 'NFS is currently not supported by the inplace upgrade.\nNFS shares found in /etc/fstab.',
              inhibitor=True, remediations=[('hint', 'Disable NFS temporarily for the upgrade if possible.')])
    if 'cifs' in kinds:
        entry('checkcifs', "Use of CIFS detected. Upgrade can't proceed", 'CIFS is currently not supported by the inplace upgrade.', inhibitor=True,
              remediations=[('hint', 'Comment out CIFS entries to proceed with the upgrade.')])
    if TARGET == 8 and 'btrfs' in kinds:
        entry('checkbtrfs', 'Btrfs has been removed from RHEL8', 'The Btrfs file system was introduced as Technology Preview with the initial release of RHEL 6 and 7.', inhibitor=True)
    if megabytes_free('/boot') < 100:
        entry('check_boot_avail_space', 'Not enough space on /boot', '/boot needs additional %d MiB to be able to accommodate the upgrade initramfs and new kernel.' % (100 - megabytes_free('/boot')), inhibitor=True)


def check_system():
    system = os_release()
    if KIND.get('source') == 7 and not re.search(r'release (7\.9|2\.1903)', read('/etc/redhat-release')):
        entry('check_os_release', 'The installed OS version is not supported for the in-place upgrade to the target RHEL version', read('/etc/redhat-release'), inhibitor=True)
    memory = int(re.search(r'MemTotal: +(\d+)', read('/proc/meminfo')).group(1)) // 1024
    if memory < 1536:
        entry('check_memory', 'Minimum memory requirements for RHEL %d are not met' % TARGET, 'Memory detected: %d MiB, required: 1536 MiB' % memory, inhibitor=True)
    absolute = sorted(name for name in os.listdir('/') if os.path.islink('/' + name) and os.readlink('/' + name).startswith('/'))
    if absolute:
        entry('check_root_symlinks', 'Upgrade requires links in root directory to be relative',
              'After rebooting, parts of the upgrade process can fail if symbolic links in / point to absolute paths.\nPlease change these links to relative ones.',
              inhibitor=True, remediations=[('command', ['sh', '-c', ' && '.join('ln -snf %s /%s' % (os.path.relpath(os.readlink('/' + name), '/'), name) for name in absolute)])])
    loaded = [line.split()[0] for line in output_of('lsmod')[1].splitlines()[1:] if line]
    gone = [name for name in loaded if TARGET == 8 and name in GONE_DRIVERS]
    if gone:
        entry('check_detected_devices_and_drivers', 'Leapp detected loaded kernel drivers which have been removed in RHEL %d. Upgrade cannot proceed.' % TARGET,
              'Support for the following RHEL %d device drivers has been removed in RHEL %d: \n     - %s\n' % (TARGET - 1, TARGET, '\n     - '.join(gone)), inhibitor=True)
    kernels = [package[1] + '.' + package[2] for package in installed() if package[0] == 'kernel']
    newest = max(kernels, key=lambda name: [int(number) for number in re.findall(r'\d+', name)]) if kernels else ''
    running = re.search(r'vmlinuz-(\S+)', read('/proc/cmdline'))
    if running and newest and running.group(1) != newest:
        entry('check_installed_kernels', 'Newest installed kernel not in use', 'To ensure a stable upgrade, the machine needs to be booted into the latest installed kernel.',
              inhibitor=True, remediations=[('hint', 'Boot into the newest installed kernel or make sure the intended kernel is the newest one.')])
    cards = [name for name in os.listdir('/sys/class/net') if re.match(r'eth\d', name)] if os.path.isdir('/sys/class/net') else []
    if len(cards) > 1:
        entry('persistentnetnamesdisable', 'Unsupported network configuration', 'Detected multiple physical network interfaces where one or more use kernel naming (e.g. eth0).', inhibitor=True)
    wide = set(package[0] for package in installed() if package[2] == 'i686')
    both = sorted(wide & {'brlapi', 'gnome-online-accounts-devel', 'geocode-glib-devel'})
    if both:
        entry('multipkgs', 'Some packages have both 32bit and 64bit version installed which are known to cause rpm transaction test to fail', ', '.join(both), inhibitor=True,
              remediations=[('command', ['yum', 'remove', '-y'] + [name + '.i686' for name in both])])
    if re.search(r'^plugins *= *0', read('/etc/yum.conf'), re.M):
        entry('check_yum_plugins_enabled', 'Required YUM plugins are not being loaded.', 'The plugins=0 option in /etc/yum.conf disables them.', inhibitor=True,
              remediations=[('hint', 'If you have yum plugins globally disabled, please enable them by editing the /etc/yum.conf.')])
    if TARGET == 9 and re.search(r'^AllowZoneDrifting *= *yes', read('/etc/firewalld/firewalld.conf'), re.M | re.I):
        entry('firewalld_check_allow_zone_drifting', 'Firewalld Configuration AllowZoneDrifting Is Unsupported', 'Firewalld has enabled configuration option AllowZoneDrifting.', inhibitor=True,
              remediations=[('command', ['sed', '-i', 's/^AllowZoneDrifting=.*/AllowZoneDrifting=no/', '/etc/firewalld/firewalld.conf'])])
    for title in read(SWITCHES + '/leapp-inhibitors').splitlines():
        entry('osferry_standin', title, 'A test asked for it.', inhibitor=True)
    third = sorted('%s' % package[0] for package in installed() if package[3] not in KIND.get('vendors', []) and not package[0].startswith(('leapp', 'python2-leapp')))
    if third:
        entry('distribution_signed_rpm_check', 'Packages not signed by the distribution vendor found on the system', 'The following packages have not been signed by %s and may be removed during the upgrade process: %s' % (system.get('NAME'), ', '.join(third)))
    if TARGET == 8:
        entry('python_inform_user', 'Difference in Python versions and support in RHEL 8', 'In RHEL 8, there is no \'python\' command.', severity='high', remediations=[('hint', "Please run \"alternatives --set python /usr/bin/python3\" after upgrade")])
        title = 'chrony using %s configuration' % ('non-default' if output_of(RPM, '-V', '--nodeps', 'chrony')[1].strip() else 'default')
        entry('check_chrony', title, 'chrony behavior will not change in RHEL8', severity='medium' if 'non-' in title else 'info')


def checks():
    check_system()
    check_sshd()
    check_mounts()
    check_questions()
    if not os.path.exists(FILES + '/pes-events.json'):
        entry('pes_events_scanner', 'Missing/Invalid PES data file (/etc/leapp/files/pes-events.json)', 'Read documentation at: https://access.redhat.com/articles/3664871', inhibitor=True)
