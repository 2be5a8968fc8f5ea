-- The database's roles, made when its server is made (compose.yaml): nobody but PostgreSQL itself works as its superuser.
-- `kopilka` owns the database and migrates, `loyalty_app` serves, `loyalty_auditor` may connect once it is given a password.
do $$
begin
    execute format('create role kopilka login password %L', rtrim(pg_read_file('/run/secrets/owner_password'), E'\n'));
    execute format(
        'create role loyalty_app login password %L', rtrim(pg_read_file('/run/secrets/application_password'), E'\n')
    );
    create role loyalty_auditor login;
    grant loyalty_app to kopilka;
    execute format('alter database %I owner to kopilka', current_database());
end
$$;
