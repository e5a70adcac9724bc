# convert2rhel [analyze|convert] [-y] [--no-rhsm] [--enablerepo ID]...: CentOS to Red Hat Enterprise Linux of the
# same major version. Exit codes 0, 1 (failed), 2 (inhibited); reports in /var/log/convert2rhel (convert2rhel 2.x).
TOOL = 'convert2rhel'
LOGS = '/var/log/convert2rhel'
ORDER = ['SUCCESS', 'INFO', 'WARNING', 'SKIP', 'OVERRIDABLE', 'ERROR']
actions = {}


def tell(line):
    print(line, flush=True)
    write(LOGS + '/convert2rhel.log', line + '\n', 'a')


# What the analysis has removed and put aside.
BACKUP = '/var/lib/convert2rhel/backup'
removed = []
beyond_return = []


def remove_release_packages():
    task('PRE_PONR_CHANGES', 'Prepare: Backup Repository Files')
    subprocess.run(['mkdir', '-p', BACKUP], check=True)
    subprocess.run(['cp', '-a', '/etc/yum.repos.d', BACKUP], check=True)
    have = set(package[0] for package in installed())
    names = [name for name in RELEASES if name in have]
    task('PRE_PONR_CHANGES', 'Prepare: Searching for packages containing .repo files or affecting variables in the .repo files')
    code, text = output_of(DNF, '-y', '--downloadonly', '--downloaddir=' + BACKUP, 'reinstall', *names)
    if code != 0:
        raise Failed("Couldn't download the packages for a backup: %s" % text.strip()[-500:])
    removed.extend(names)
    subprocess.run([RPM, '-e', '--nodeps'] + names, check=True)
    at(TOOL, 'REMOVED')


def roll_back():
    tell('Abnormal exit! Performing rollback ...')
    if removed:
        task('ROLLBACK', 'Rollback: Install removed packages')
        files = [os.path.join(BACKUP, name) for name in os.listdir(BACKUP) if name.endswith('.rpm')]
        subprocess.run([RPM, '-i', '--force', '--nodeps', '--nosignature'] + files, check=True)
        subprocess.run(['cp', '-a', BACKUP + '/yum.repos.d', '/etc'], check=True)
    subprocess.run(['rm', '-rf', '/var/lib/convert2rhel'], check=True)


def task(phase, text):
    tell('[%s] TASK - [%s] ****************' % (time.strftime('%Y-%m-%dT%H:%M:%S%z'), text))
    at(TOOL, phase)


def result(action, level='SUCCESS', code='SUCCESS', title='', description='', diagnosis='', remediation=''):
    actions[action] = {'messages': [], 'result': {
        'level': level, 'id': code, 'title': title, 'description': description, 'diagnosis': diagnosis,
        'remediations': remediation, 'variables': {}}}


def report(name):
    level = max((entry['result']['level'] for entry in actions.values()), key=ORDER.index)
    replace('%s/convert2rhel-%s.json' % (LOGS, name), json.dumps({'format_version': '1.1', 'status': level, 'actions': actions}, indent=2))
    text = ''.join('(%s) %s::%s - %s\n     Description: %s\n     Diagnosis: %s\n     Remediations: %s\n' % (
        entry['result']['level'], action, entry['result']['id'], entry['result']['title'] or 'Success', entry['result']['description'] or 'N/A',
        entry['result']['diagnosis'] or 'N/A', entry['result']['remediations'] or 'N/A') for action, entry in actions.items())
    replace('%s/convert2rhel-%s.txt' % (LOGS, name), text)
    tell('========== %s analysis report ==========' % name.replace('-', ' ').capitalize())
    for line in text.splitlines():
        tell(line)
    return level


def check_kernel():
    kernels = [package[1] + '.' + package[2] for package in installed() if package[0] == 'kernel']
    running = re.search(r'vmlinuz-(\S+)', read('/proc/cmdline'))
    if running and kernels and running.group(1) not in kernels:
        result('RHEL_COMPATIBLE_KERNEL', 'ERROR', 'INVALID_KERNEL_PACKAGE_RELEASE', 'Incompatible boot kernel version detected',
               'Please refer to the diagnosis for further information', 'The booted kernel %s is not installed.' % running.group(1),
               'Boot into a kernel of the distribution.')
    else:
        result('RHEL_COMPATIBLE_KERNEL')


def check_drivers():
    gone = ('floppy', 'pata_acpi')
    loaded = [line.split()[0] for line in output_of('lsmod')[1].splitlines()[1:] if line]
    bad = [name for name in loaded if name.startswith('AliSec')]
    if bad:
        result('TAINTED_KMODS', 'OVERRIDABLE', 'TAINTED_KMODS_DETECTED', 'Tainted kernel modules detected',
               'Please refer to the diagnosis for further information', 'Tainted kernel modules detected:\n  %s' % '\n  '.join(bad),
               'Prevent the modules from loading and reboot.')
    else:
        result('TAINTED_KMODS')
    if any(name in gone for name in loaded):
        result('ENSURE_KERNEL_MODULES_COMPATIBILITY', 'OVERRIDABLE', 'UNSUPPORTED_KERNEL_MODULES', 'Unsupported kernel modules',
               'Unsupported kernel modules were found', 'The following loaded kernel modules are not available in RHEL: %s' % ', '.join(
                   name for name in loaded if name in gone), 'Unload them: modprobe -r')
    else:
        result('ENSURE_KERNEL_MODULES_COMPATIBILITY')


def analyze(system, repos, major):
    task('PREPARE', 'Prepare: Gather system information')
    tell('Name: %s\nOS version: %s' % (system.get('NAME'), system.get('VERSION_ID')))
    if system.get('ID') not in ('centos', 'ol', 'almalinux', 'rocky') or major not in ('7', '8'):
        raise Failed('%s is not supported' % system.get('PRETTY_NAME'))
    task('PRE_PONR_CHANGES', 'Prepare: Analyze the system')
    result('DUPLICATE_PACKAGES')
    result('EFI')
    result('READ_ONLY_MOUNTS')
    check_kernel()
    check_drivers()
    others = sorted('%s-%s.%s' % tuple(package[:3]) for package in installed()
                    if package[0] not in ('convert2rhel', 'gpg-pubkey') and package[3] not in ('CentOS', 'Red Hat, Inc.', 'AlmaLinux', 'Rocky'))
    if others:
        actions['LIST_THIRD_PARTY_PACKAGES'] = {'messages': [{
            'level': 'WARNING', 'id': 'THIRD_PARTY_PACKAGE_DETECTED', 'title': 'Third party packages detected',
            'description': 'Third party packages will not be replaced during the conversion.',
            'diagnosis': 'Only packages signed by %s are to be replaced: %s' % (system.get('NAME'), ', '.join(others)), 'remediations': '', 'variables': {}}],
            'result': {'level': 'SUCCESS', 'id': 'SUCCESS', 'title': '', 'description': '', 'diagnosis': '', 'remediations': '', 'variables': {}}}
    known = re.findall(r'^\[([^]]+)\]', ''.join(read('/etc/yum.repos.d/' + name) for name in sorted(os.listdir('/etc/yum.repos.d'))), re.M)
    lacking = [name for name in repos if name not in known]
    if lacking or not repos:
        result('CUSTOM_REPOSITORIES_ARE_VALID', 'ERROR', 'UNABLE_TO_ACCESS_REPOSITORIES', 'Unable to access repositories',
               'Access could not be made to the custom repositories.', 'Unable to access the repositories passed through the --enablerepo option: %s' % ', '.join(lacking),
               'Ensure that the repositories are defined; on ECS they come with the licence.')
        return None
    result('CUSTOM_REPOSITORIES_ARE_VALID')
    folder = '/var/cache/convert2rhel/repos'
    text = ''.join(read('/etc/yum.repos.d/' + name) for name in sorted(os.listdir('/etc/yum.repos.d')))
    sections = re.split(r'^(?=\[)', text, flags=re.M)
    chosen = [re.sub(r'^enabled *=.*$', 'enabled=1', section, flags=re.M) for section in sections if section[1:].split(']')[0] in repos]
    write(folder + '/rhel.repo', '\n'.join(chosen))
    code, text = output_of(DNF, '-q', *dnf_options(folder, major), '--setopt=cachedir=/var/cache/convert2rhel/dnf', 'makecache')
    if code != 0:
        result('CUSTOM_REPOSITORIES_ARE_VALID', 'ERROR', 'UNABLE_TO_ACCESS_REPOSITORIES', 'Unable to access repositories',
               'Access could not be made to the custom repositories.', text.strip()[-500:], 'Check the network and the licence.')
        return None
    remove_release_packages()
    wanted = '/var/cache/convert2rhel/transaction'
    release, text = release_package(folder, major, '/var/cache/convert2rhel/dnf')
    if not release:
        raise Failed('No release package in the repositories: %s' % text[-500:])
    transaction(wanted, RELEASES, [release])
    return dnf_options(folder, major) + ['--setopt=keepcache=1', '--setopt=cachedir=/var/cache/convert2rhel/dnf']


def run(convert, repos):
    system = os_release()
    major = system.get('VERSION_ID', '').split('.')[0]
    options = analyze(system, repos, major)
    inhibited = any(ORDER.index(entry['result']['level']) >= ORDER.index('SKIP') for entry in actions.values())
    if inhibited or not convert:
        if convert:
            tell('The conversion process is inhibited: the analysis found problems that must be solved first.')
        roll_back()
        task('ROLLBACK', 'Rollback: Pre-conversion analysis report')
        report('pre-conversion')
        return 2 if inhibited else 0
    report('pre-conversion')
    task('PRE_PONR_CHANGES', 'Prepare: Validate the yum transaction')
    wanted = '/var/cache/convert2rhel/transaction'
    if dnf(['-y', '--downloadonly'] + options + ['shell', wanted], tell) != 0:
        raise Failed('The packages could not be downloaded.')
    tell('The tool allows rollback of any action until this point.')
    tell('By continuing, all further changes on the system will need to be reverted manually by the user, if necessary.')
    beyond_return.append(True)
    task('POST_PONR_CHANGES', 'Convert: Replace system packages')
    if dnf(['-y', '-C'] + options + ['shell', wanted], tell) != 0:
        raise Failed('The transaction failed.')
    # What has the same version in both is replaced by the other vendor's build.
    left = sorted(set(package[0] for package in installed() if package[3] == 'CentOS' and package[0] != 'kernel'))
    if left and dnf(['-y'] + options + ['reinstall'] + left, tell) != 0:
        tell('WARNING - some packages of CentOS are left: %s' % ' '.join(left))
    task('final', 'Convert: Update GRUB2 configuration')
    actions.clear()
    result('UPDATE_GRUB')
    report('post-conversion')
    write('/etc/migration-results', json.dumps({'activities': [{
        'activity': 'conversion', 'success': True, 'source_os': {'id': system.get('ID'), 'version': system.get('VERSION_ID')},
        'target_os': {'id': os_release().get('ID'), 'version': os_release().get('VERSION_ID')}}]}, indent=2) + '\n')
    subprocess.run(['rm', '-rf', '/var/cache/convert2rhel', '/var/lib/convert2rhel'])
    tell('Conversion successful!')
    tell('WARNING - In order to boot the RHEL kernel, restart of the system is needed.')
    return 0


def main():
    words, repos, convert = sys.argv[1:], [], True
    while words:
        word = words.pop(0)
        if word in ('analyze', 'convert'):
            convert = word == 'convert'
        elif word == '--enablerepo':
            repos.append(words.pop(0))
        elif word not in ('-y', '--no-rhsm', '--debug'):
            print('convert2rhel: error: unrecognized arguments: %s' % word, file=sys.stderr)
            return 1
    code = told_code(TOOL)
    if code is not None:
        return code
    try:
        return run(convert, repos)
    except Failed as error:
        tell('CRITICAL - %s' % error)
        if beyond_return:
            tell('The conversion process failed.\n\nThe system is left in an undetermined state that Convert2RHEL cannot fix.')
        else:
            roll_back()
            task('ROLLBACK', 'Rollback: Pre-conversion analysis report')
        return 1


sys.exit(main())
