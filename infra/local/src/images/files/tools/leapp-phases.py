

# The phases, before and after the reboots.
REPOS = FILES + '/leapp_upgrade_repositories.repo'


def target_repos():
    folder = WORK + '/repos'
    # The migration tools' own repository is no part of the target.
    sections = [section for section in re.split(r'^(?=\[)', read(REPOS), flags=re.M) if section.startswith('[') and not section.startswith('[migration') and not re.search(r'^enabled *= *0', section, re.M)]
    if not sections:
        entry('target_userspace_creator', 'There are no enabled target repositories',
              'This can happen when a system is not correctly registered with the subscription manager or, when the leapp --no-rhsm option has been used, no custom repositories have been passed on the command line.', inhibitor=True)
        return None
    write(folder + '/target.repo', '\n'.join(re.sub(r'^gpgcheck.*\n?', '', section, flags=re.M) for section in sections) + '\n')
    return folder


def upgrade_options():
    return dnf_options(WORK + '/repos', TARGET) + ['--setopt=keepcache=1', '--setopt=cachedir=' + CACHE, '--setopt=module_platform_id=platform:el%d' % TARGET]


def error(name, message):
    errors.append((name, message))
    entry(name, message.splitlines()[0], message, error=True)


def collect_and_check(schema):
    for path in ('/leapp-report.json', '/leapp-report.txt'):
        if os.path.exists(LOGS + path):
            os.remove(LOGS + path)
    phase('configuration_phase')
    phase('FactsCollection')
    actor('scan_installed_rpms', 'Provides data about installed RPM Packages.')
    phase('Checks')
    actor('check_memory', 'The actor checks the size of RAM against RHEL8 minimal hardware requirements')
    checks()
    phase('TargetTransactionFactsCollection')
    actor('target_userspace_creator', 'Initializes a directory to be populated as a minimal environment to run binaries from the target system.')
    free = megabytes_free(WORK)
    needed = 3200 if TARGET == 8 else 2200
    folder = target_repos()
    if free < needed:
        error('target_userspace_creator', 'Not enough space available on %s: Needed at least %d MiB.' % (WORK, needed))
    elif folder and not any('inhibitor' in one['flags'] for one in entries):
        release, text = release_package(folder, TARGET, CACHE)
        if not release:
            error('target_userspace_creator', 'Unable to install RHEL %d userspace packages.\n%s' % (TARGET, text.strip()[-1500:]))
        else:
            phase('TargetTransactionCheck')
            actor('dnf_transaction_check', 'This actor tries to solve the RPM transaction to verify the all package dependencies can be successfully resolved.')
            lists = '/etc/leapp/transaction/'
            removed = RELEASES + [name for name in read(lists + 'to_remove').split()] + KIND.get('removed', [])
            wanted = [release] + [name for name in read(lists + 'to_install').split() if output_of(
                DNF, '-q', '-C', *upgrade_options(), 'repoquery', '--qf', 'package %{name}', name)[1].startswith('package ')]
            transaction(WORK + '/transaction', [name for name in removed if name != release], wanted)
            code, text = output_of(DNF, '--assumeno', *upgrade_options(), 'shell', WORK + '/transaction')
            if 'Transaction Summary' not in text:
                error('dnf_transaction_check', 'DNF execution failed with non zero exit code.\nSTDOUT:\n%s' % text.strip()[-1500:])
    phase('Reports')
    actor('verify_check_results', 'Check all dialogs and notify that user needs to make some choices.')
    report(schema)


def prepare_boot():
    kernel = re.search(r'vmlinuz-(\S+)', read('/proc/cmdline')).group(1)
    subprocess.run(['cp', '/boot/vmlinuz-' + kernel, '/boot/vmlinuz-upgrade.x86_64'], check=True)
    subprocess.run(['cp', '/boot/initramfs-%s.img' % kernel, '/boot/initramfs-upgrade.x86_64.img'], check=True)
    # The initramfs of the upgrade is a shell script here: the guests' boot runs what the option names.
    subprocess.run(['grubby', '--add-kernel=/boot/vmlinuz-upgrade.x86_64', '--initrd=/boot/initramfs-upgrade.x86_64.img',
                    '--title=' + KIND['entry'], '--make-default', '--args=enforcing=0 rd.plymouth=0 plymouth.enable=0 rd.osferry.standin=/usr/share/leapp-repository/initramfs'], check=True)


def upgrade(schema):
    collect_and_check(schema)
    phase('Download')
    actor('dnf_package_download', 'This actor downloads packages using DNF, so they can be used in the upgrade.')
    lines = []
    if dnf(['-y', '--downloadonly'] + upgrade_options() + ['shell', WORK + '/transaction'], lambda line: (lines.append(line), tell(line))) != 0:
        error('dnf_package_download', 'DNF execution failed with non zero exit code.\nSTDOUT:\n%s' % '\n'.join(lines[-15:]))
        report(schema)
    phase('InterimPreparation')
    actor('add_upgrade_boot_entry', 'Add new boot entry for Leapp provided initramfs.')
    prepare_boot()
    write(WORK + '/next', 'InitRamStart')
    tell('A reboot is required to continue. Please reboot your system.')


# Runs in place of the upgrade's initramfs; without network.
def in_initramfs():
    phase('InitRamStart')
    actor('remove_upgrade_boot_entry', 'Remove boot entry for Leapp provided initramfs.')
    subprocess.run(['grubby', '--remove-kernel=/boot/vmlinuz-upgrade.x86_64'])
    for path in ('/boot/vmlinuz-upgrade.x86_64', '/boot/initramfs-upgrade.x86_64.img'):
        if os.path.exists(path):
            os.remove(path)
    phase('LateTests')
    phase('Preparation')
    phase('RPMUpgrade')
    actor('dnf_upgrade_transaction', 'Setup and call DNF upgrade command')
    lines = []
    if dnf(['-y', '-C'] + upgrade_options() + ['shell', WORK + '/transaction'], lambda line: (lines.append(line), tell(line))) != 0:
        raise Failed('DNF execution failed with non zero exit code.\n%s' % '\n'.join(lines[-15:]))
    phase('Applications')
    for path in ('/etc/dnf/dnf.conf',):
        if 'exclude=' not in read(path):
            write(path, 'exclude=python2-leapp,snactor,leapp-upgrade-el%dtoel%d,leapp\n' % (TARGET - 1, TARGET), 'a')
    stack = '/etc/pam.d/smartcard-auth'
    if os.path.exists(stack):
        replace(stack, ''.join(line for line in read(stack).splitlines(True) if 'pam_pkcs11' not in line and 'pam_krb5' not in line))
    phase('ThirdPartyApplications')
    phase('Finalization')
    write(PYTHON + '/leapp3', '#!/bin/sh\nexec /usr/bin/leapp "$@"\n')
    os.chmod(PYTHON + '/leapp3', 0o755)
    write(RESUME, '[Unit]\nDescription=Temporary Leapp service which resumes execution after reboot\n\n[Service]\nType=simple\nExecStart=%s/leapp3 upgrade --resume\n\n[Install]\nWantedBy=default.target\n' % PYTHON)
    wants = '/etc/systemd/system/multi-user.target.wants/leapp_resume.service'
    if not os.path.islink(wants):
        os.symlink(RESUME, wants)
    write(WORK + '/next', 'FirstBoot')


def first_boot():
    phase('FirstBoot')
    results = json.loads(read('/etc/migration-results') or '{"activities": []}')
    system = os_release()
    results['activities'].append({'activity': 'upgrade', 'activity_started': read(WORK + '/started'), 'activity_ended': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
                                  'run_id': run_id(), 'success': True, 'source_os': KIND.get('from', ''), 'target_os': '%s %s' % (system.get('NAME'), system.get('VERSION_ID'))})
    replace('/etc/migration-results', json.dumps(results, indent=2) + '\n')
    for path in (WORK + '/next', '/etc/systemd/system/multi-user.target.wants/leapp_resume.service', RESUME):
        if os.path.lexists(path):
            os.remove(path)
    progress(100, 'Success')


def resume():
    step = read(WORK + '/next').strip()
    try:
        if step == 'InitRamStart':
            in_initramfs()
        elif step == 'FirstBoot':
            first_boot()
        else:
            raise Failed('There is nothing to resume.')
    except Failed as failure:
        tell('ERROR: %s' % failure)
        if step:
            write(PYTHON + '/.leapp_upgrade_failed', '')
        progress(PERCENT.get(phase_now, 0), phase_now, 103, str(failure))
        return 1
    return 0


def main():
    global log_name
    words = sys.argv[1:]
    verb = words.pop(0) if words else '--help'
    code = told_code(TOOL)
    if verb == '--version':
        print('leapp version 0.17.0')
        return 0
    if verb == 'answer':
        return answer(words)
    if verb not in ('preupgrade', 'upgrade'):
        print('usage: leapp [-h] [--version] {answer,preupgrade,upgrade} ...', file=sys.stderr)
        return 2
    schema = '1.1.0'
    resumed = False
    while words:
        word = words.pop(0)
        if word == '--report-schema':
            schema = words.pop(0)
        elif word.startswith('--report-schema='):
            schema = word.split('=')[1]
        elif word == '--resume' and verb == 'upgrade':
            resumed = True
        elif word in ('--enablerepo', '--channel', '--iso', '--target'):
            words.pop(0)
        elif word not in ('--no-rhsm', '--nogpgcheck', '--debug', '--verbose', '--reboot'):
            print('leapp %s: error: unrecognized arguments: %s' % (verb, word), file=sys.stderr)
            return 2
    if schema not in KIND.get('schemas', ['1.0.0', '1.1.0', '1.2.0']):
        print("leapp %s: error: argument --report-schema: invalid choice: '%s'" % (verb, schema), file=sys.stderr)
        return 2
    if code is not None and not resumed:
        return code
    log_name = 'leapp-%s.log' % verb
    if resumed:
        return resume()
    other = read('/run/leapp.pid').strip()
    if other and os.path.isdir('/proc/' + other):
        print('Could not acquire the lock: another instance of leapp runs (%s)' % other, file=sys.stderr)
        return 1
    write('/run/leapp.pid', str(os.getpid()))
    os.makedirs(LOGS, exist_ok=True)
    os.makedirs(WORK, exist_ok=True)
    write(WORK + '/started', time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()))
    try:
        if verb == 'preupgrade':
            collect_and_check(schema)
        else:
            upgrade(schema)
    except Inhibited:
        return 1
    except (Failed, subprocess.CalledProcessError, OSError) as failure:
        tell('%s - Please check the above details' % failure)
        progress(PERCENT.get(phase_now, 0), phase_now, 103, str(failure))
        return 1
    finally:
        os.remove('/run/leapp.pid')
    return 0


sys.exit(main())
